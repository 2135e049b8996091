"""The operator's tools: they read what a stack says of itself and talk to the exchange; they declare nothing."""
