"""Commands about the images, which run in the platform's environment; the rest of `tools` needs nothing installed."""
