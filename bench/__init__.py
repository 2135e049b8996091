"""Benchmarks, run by hand: what the exchange costs, beside the figures of the public Go implementation."""
