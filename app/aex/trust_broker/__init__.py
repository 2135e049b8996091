"""The trust broker: what became of a provider's contracts, and the score and tier that follow from it."""
