"""The single requests that are compared: what is sent, what the peer was measured with, what we aim at.

The peer's figures are those of the public Go implementation with in-memory stores on a machine like this one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.client import request
from bench.services import Running, Scene, bid_body, work_body

Maker = Callable[[Running, Scene], Callable[[int], bytes]]


@dataclass(frozen=True, slots=True)
class Peer:
    """What the Go implementation did: requests a second, latencies in ms, its services' CPU microseconds a request."""

    per_second: float
    p50: float
    p95: float
    p99: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Row:
    """One request. `target` is the most that our CPU may be, as a multiple of the peer's; None where none is set."""

    name: str
    make: Maker
    peer: dict[int, Peer]
    target: float | None = None
    expected: int = 200


def _same(
    method: str, service: str, path: Callable[[Scene], str], body: object = None, *, keyed: bool = False
) -> Maker:
    def make(at: Running, scene: Scene) -> Callable[[int], bytes]:
        headers = {"X-API-Key": scene.key} if keyed else {"X-Consumer-ID": scene.tenant_id}
        prepared = request(method, at.url(service, path(scene)), body, headers)
        return lambda _: prepared

    return make


def _bids(at: Running, scene: Scene) -> Callable[[int], bytes]:
    # A work takes 1,000 bids: they are spread.
    headers = {"Authorization": f"Bearer {scene.provider_keys[0]}"}
    url = at.url("bid-gateway", "/v1/bids")
    prepared = [request("POST", url, bid_body(work_id, 10.0), headers) for work_id in scene.work_ids]
    return lambda number: prepared[number % len(prepared)]


def _evaluations(at: Running, scene: Scene) -> Callable[[int], bytes]:
    url = at.url("bid-evaluator", "/internal/v1/evaluate")
    prepared = [request("POST", url, {"work_id": work_id, "budget": {"max_price": 100.0}}) for work_id in scene.ranked]
    return lambda number: prepared[number % len(prepared)]


def _deposits(at: Running, scene: Scene) -> Callable[[int], bytes]:
    prepared = request("POST", at.url("settlement", "/v1/deposits"), {"tenant_id": scene.tenant_id, "amount": "100.00"})
    return lambda _: prepared


def _validations(at: Running, scene: Scene) -> Callable[[int], bytes]:
    prepared = request("POST", at.url("identity", "/internal/v1/apikeys/validate"), {"api_key": scene.key})
    return lambda _: prepared


def _provider(scene: Scene) -> str:
    return f"/v1/providers/{scene.provider_ids[0]}"


def _work(scene: Scene) -> str:
    return f"/v1/work/{scene.work_ids[0]}"


ROWS = (
    Row(
        "gateway: GET /health",
        _same("GET", "gateway", lambda _: "/health"),
        {1: Peer(13418, 0.06, 0.19, 3.57, 65), 32: Peer(41976, 0.64, 6.18, 9.81, 26)},
    ),
    Row(
        "gateway: GET /v1/providers/{id}",
        _same("GET", "gateway", _provider, keyed=True),
        {1: Peer(3364, 0.28, 0.45, 1.31, 333), 32: Peer(5944, 5.26, 10.74, 14.09, 274)},
        target=0.9,
    ),
    Row(
        "registry: GET /v1/providers/{id}",
        _same("GET", "provider-registry", _provider),
        {32: Peer(43531, 0.58, 6.36, 10.39, 26)},
    ),
    Row(
        "gateway: GET /v1/work/{id}",
        _same("GET", "gateway", _work, keyed=True),
        {1: Peer(3269, 0.28, 0.55, 2.63, 344), 32: Peer(6322, 4.90, 10.80, 16.30, 255)},
        target=0.9,
    ),
    Row(
        "publisher: POST /v1/work",
        _same("POST", "work-publisher", lambda _: "/v1/work", work_body()),
        {1: Peer(2541, 0.37, 0.66, 2.12, 447), 32: Peer(5669, 5.13, 13.38, 19.72, 309)},
        expected=201,
    ),
    Row(
        "gateway: POST /v1/work",
        _same("POST", "gateway", lambda _: "/v1/work", work_body(), keyed=True),
        {1: Peer(1505, 0.62, 1.00, 2.03, 797), 32: Peer(3104, 9.78, 20.56, 29.12, 556)},
        target=0.9,
        expected=201,
    ),
    Row(
        "bid-gateway: POST /v1/bids",
        _bids,
        {1: Peer(3587, 0.27, 0.40, 1.48, 313), 32: Peer(7283, 4.12, 8.90, 14.12, 231)},
        target=1.2,
    ),
    Row(
        "evaluator: POST evaluate, 3 bids",
        _evaluations,
        {1: Peer(1045, 0.90, 1.37, 2.20, 1144), 32: Peer(1790, 17.32, 28.56, 34.82, 1005)},
        target=0.6,
    ),
    Row(
        "settlement: POST /v1/deposits",
        _deposits,
        {1: Peer(11559, 0.07, 0.20, 3.15, 82), 32: Peer(29515, 0.90, 14.12, 61.49, 46)},
        target=6.0,
        expected=201,
    ),
    Row(
        "identity: POST validate",
        _validations,
        {1: Peer(13572, 0.07, 0.14, 0.57, 65), 32: Peer(38918, 0.69, 4.53, 7.43, 29)},
    ),
)

__all__ = ["ROWS", "Peer", "Row"]
