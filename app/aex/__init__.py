"""The Agent Exchange: ten services and the core and store that they share."""
