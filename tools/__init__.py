"""What sets this checkout up and runs its commands. Standard library only: it runs before anything is installed."""
