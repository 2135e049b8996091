"""The exchange on Google Cloud: one file per concern, and `platform.py` that composes them."""
