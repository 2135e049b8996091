"""aex-identity: tenants, their API keys, and the short-lived tokens that keys are exchanged for."""
