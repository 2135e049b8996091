"""Prometheus metrics of one process. Label values come from closed sets (route templates, not paths)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one service; each app has its own registry, so that many can live in one test process."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "aex_requests_total",
            "Requests answered.",
            ["service", "method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "aex_request_seconds",
            "Time from the first byte in to the last byte out.",
            ["service", "method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("aex_requests_in_flight", "Requests being served.", ["service"], registry=self.registry)
        self._peer = Counter(
            "aex_peer_calls_total", "Calls to other services.", ["service", "peer", "outcome"], registry=self.registry
        )
        self._duty = Counter(
            "aex_duty_items_total", "Things done by background duties.", ["service", "duty"], registry=self.registry
        )
        self._duty_errors = Counter(
            "aex_duty_errors_total", "Runs of a duty that failed.", ["service", "duty"], registry=self.registry
        )
        self._service = service
        # Resolving labels costs more than counting; the pairs are few, so they are kept.
        self._calls: dict[tuple[str, str], Counter] = {}
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request answered."""
        key = (method, route, status)
        pair = self._children.get(key)
        if pair is None:
            pair = (
                self._requests.labels(self._service, method, route, str(status)),
                self._seconds.labels(self._service, method, route),
            )
            self._children[key] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def called(self, peer: str, outcome: str) -> None:
        """One call to `peer`; outcome is a status class such as `2xx`, or `error`, `open`."""
        child = self._calls.get((peer, outcome))
        if child is None:
            child = self._calls[peer, outcome] = self._peer.labels(self._service, peer, outcome)
        child.inc()

    def duty(self, name: str, items: int) -> None:
        """A duty did `items` things."""
        self._duty.labels(self._service, name).inc(items)

    def duty_failed(self, name: str) -> None:
        """A run of a duty raised."""
        self._duty_errors.labels(self._service, name).inc()

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)


__all__ = ["CONTENT_TYPE", "Metrics"]
