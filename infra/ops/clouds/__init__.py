"""The three places where an exchange runs, as the operator sees them: one shape (`cloud.py`), three implementations."""
