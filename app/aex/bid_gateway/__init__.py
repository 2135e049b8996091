"""aex-bid-gateway: takes sealed bids from providers, on work that still takes bids."""
