"""Telemetry: keeps the logs, metrics and spans that it is sent, within bounds, and finds them again."""
