"""Stand-ins for the cloud providers, attached to the unmodified Pulumi engine: `checked` is the place to start."""
