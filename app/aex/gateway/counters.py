"""What the gateway counts besides requests: who got in, who did not and why, who asked too much."""

from prometheus_client import Counter

from aex.core.metrics import Metrics


class Counters:
    """Label values come from the code alone, so that clients cannot make series."""

    def __init__(self, metrics: Metrics) -> None:
        auth = Counter(
            "aex_gateway_auth_total",
            "Requests by what their credential was worth.",
            ["outcome"],
            registry=metrics.registry,
        )
        self.known = auth.labels("known")
        """Valid, from the cache."""
        self.valid = auth.labels("valid")
        """Valid, said identity just now."""
        self.stale = auth.labels("stale")
        """Valid a moment ago, and identity does not answer."""
        self.passed_on = auth.labels("passed_on")
        """A bearer token that only the backend can check."""
        self.missing = auth.labels("missing")
        self.invalid = auth.labels("invalid")
        self.unavailable = auth.labels("unavailable")
        self.out_of_scope = auth.labels("out_of_scope")
        limited = Counter(
            "aex_gateway_rate_limited_total",
            "Requests refused with 429, by which limit.",
            ["limit"],
            registry=metrics.registry,
        )
        self.limited_credential = limited.labels("credential")
        self.limited_tenant = limited.labels("tenant")
        self.limited_day = limited.labels("day")
        self.limited_address = limited.labels("address")
        self.limited_failures = limited.labels("failures")


__all__ = ["Counters"]
