"""What all ten services share: settings, the app factory, errors, service identity, money, time, the outbox."""
