"""aex-gateway: the one public door. Knows who calls, what they may do and how much, and passes the request on."""
