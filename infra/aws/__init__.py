"""Agent Exchange on Amazon Web Services: one component per concern, composed by `platform.py` and `bootstrap.py`."""
