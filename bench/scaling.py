"""How each route's cost grows with what is stored: `.venv/bin/python -m bench.scaling`.

Fills an exchange through its own routes to a hundredth, a tenth and all of 10,000 providers, 10,000 subscriptions and
100,000 works, measures the same requests at each size, and writes `bench/results/scaling.json` and `.svg`. A route is
fine when its CPU at the full size is within `FLAT` of that at the smallest, or has grown less than its answer.
"""

import argparse
import asyncio
import itertools
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import uvloop

from bench.client import Connection, drive, request
from bench.machine import Meter, description
from bench.services import Running, Scene, bid_body, own, provider_body, stage, work_body

PROVIDERS, WORKS = 10_000, 100_000
FLAT = 2.0
"""Machines that others use are noisy; the peer's bids grow 4.5-fold at 20,000 providers."""
_CATEGORIES = 100
"""Subscriptions and works are spread over that many; a work has 1 % of all subscribers."""
_AT_ONCE = 16
RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Point:
    """A route at a size: CPU of all services in microseconds a request, bytes of the answer."""

    route: str
    share: float
    cpu_us: float
    answer_bytes: int
    foreign: float
    """Share of all cores that others used meanwhile."""


class Filler:
    """Fills the exchange, a share at a time."""

    def __init__(self, at: Running) -> None:
        self._at = at
        self._providers = self._works = 0
        self._mark = secrets.token_hex(3)

    async def to(self, share: float, scale: float) -> None:
        """Until there is `share` of everything."""
        providers, works = round(PROVIDERS * share * scale), round(WORKS * share * scale)
        await self._many("provider-registry", range(self._providers, providers), self._provider)
        await self._many("work-publisher", range(self._works, works), self._work)
        self._providers, self._works = providers, works

    async def _many(self, service: str, numbers: range, one: "Callable[[Connection, int], Awaitable[None]]") -> None:
        left = iter(numbers)

        async def worker() -> None:
            connection = await Connection.open(self._at.url(service))
            for number in left:
                await one(connection, number)
            connection.close()

        await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))

    async def _provider(self, connection: Connection, number: int) -> None:
        url = self._at.url("provider-registry")
        made = await connection.must(request("POST", f"{url}/v1/providers", provider_body(f"{self._mark} {number}")))
        body = {
            "provider_id": made["provider_id"],
            "categories": [f"c{number % _CATEGORIES}"],
            "delivery": {"method": "polling"},
        }
        await connection.must(request("POST", f"{url}/v1/subscriptions", body))

    async def _work(self, connection: Connection, number: int) -> None:
        # The body without a subscriber: a broadcast each would be what takes the time. Consumers have 100 works each.
        body = {**work_body(), "category": "nobody listens"}
        headers = {"X-Consumer-ID": f"consumer_{number // 100}"}
        await connection.must(request("POST", self._at.url("work-publisher", "/v1/work"), body, headers))


def requests_of(at: Running, scene: Scene) -> dict[str, Callable[[int], bytes]]:
    """The measured requests, by route."""
    registry, publisher, numbers = at.url("provider-registry"), at.url("work-publisher"), itertools.count()
    consumer = {"X-Consumer-ID": "consumer_1"}
    bearer = {"Authorization": f"Bearer {scene.provider_keys[0]}"}

    def steady(
        method: str, url: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Callable[[int], bytes]:
        prepared = request(method, url, body, headers)
        return lambda _: prepared

    def bid(_: int) -> bytes:
        work_id = scene.work_ids[next(numbers) % len(scene.work_ids)]
        return request("POST", at.url("bid-gateway", "/v1/bids"), bid_body(work_id, 10.0), bearer)

    def evaluation(_: int) -> bytes:
        body = {"work_id": scene.ranked[next(numbers) % len(scene.ranked)], "budget": {"max_price": 100.0}}
        return request("POST", at.url("bid-evaluator", "/internal/v1/evaluate"), body)

    published = {**work_body(), "category": "c1"}
    key = {"api_key": scene.provider_keys[0]}
    deposit = {"tenant_id": scene.tenant_id, "amount": "1"}
    return {
        "GET provider": steady("GET", f"{registry}/v1/providers/{scene.provider_ids[0]}"),
        "GET providers, a page of 100": steady("GET", f"{registry}/v1/providers?limit=100"),
        "POST validate-key": steady("POST", f"{registry}/internal/v1/providers/validate-key", key),
        "POST provider": lambda _: request("POST", f"{registry}/v1/providers", provider_body(secrets.token_hex(8))),
        "GET subscribed, a page of 50": steady(
            "GET", f"{registry}/internal/v1/providers/subscribed?category=c1&max_price=100&limit=50"
        ),
        "GET work": steady("GET", f"{publisher}/v1/work/{scene.work_ids[0]}"),
        "GET work of a consumer, a page of 100": steady("GET", f"{publisher}/v1/work?limit=100", None, consumer),
        "POST bid": bid,
        "POST evaluate, 3 bids": evaluation,
        "POST deposit": steady("POST", at.url("settlement", "/v1/deposits"), deposit),
        "GET balance": steady("GET", at.url("settlement", f"/v1/balance?tenant_id={scene.tenant_id}")),
        # Last, because telling 1 % of all subscribers of each work goes on in the background.
        "POST work, 1 % of subscribers listen": steady("POST", f"{publisher}/v1/work", published, consumer),
    }


async def measure(at: Running, scene: Scene, share: float, seconds: float) -> list[Point]:
    """Every route at this size."""
    points: list[Point] = []
    for route, make in requests_of(at, scene).items():
        sample = make(0)
        url = "http://" + sample.split(b"Host: ", 1)[1].split(b"\r\n", 1)[0].decode()
        await _quiet(at)
        probe = await Connection.open(url)
        _, body = await probe.send(sample)
        probe.close()
        meter = Meter(at.pids.values())
        load = await drive(url, make, connections=8, seconds=seconds, expected=frozenset({200, 201}))
        usage = meter.stop()
        cost = usage.services / max(1, len(load.latencies)) * 1e6
        points.append(Point(route, share, cost, len(body), usage.foreign))
    return points


async def _quiet(at: Running) -> None:
    """Until the services have nothing left to do in the background, for a minute at most."""
    for _ in range(60):
        meter = Meter(at.pids.values())
        await asyncio.sleep(1.0)
        if meter.stop().services < 0.15:
            return


def picture(points: list[Point]) -> str:
    """One line of bars a route: the cost at each size, relative to the smallest."""
    routes = list(dict.fromkeys(point.route for point in points))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{60 + 40 * len(routes)}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="12" y="22" font-size="15">CPU of a request at 1 %, 10 % and all of what is stored</text>',
    ]
    highest = max(point.cpu_us for point in points)
    for index, route in enumerate(routes):
        y = 44 + 40 * index
        parts.append(f'<text x="290" y="{y + 18}" text-anchor="end">{escape(route)}</text>')
        for row, point in enumerate(point for point in points if point.route == route):
            width, colour = point.cpu_us / highest * 480, ("#90a4ae", "#546e7a", "#1565c0")[row % 3]
            parts.append(f'<rect x="300" y="{y + 11 * row}" width="{width:.1f}" height="9" fill="{colour}"/>')
            parts.append(
                f'<text x="{306 + width:.1f}" y="{y + 11 * row + 9}" font-size="9">{point.cpu_us:.0f} us</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


async def main(options: argparse.Namespace) -> None:
    """Fills, measures, prints, writes."""
    points: list[Point] = []
    async with own() as at:
        filler = Filler(at)
        for share in (0.01, 0.1, 1.0):
            await filler.to(share, options.scale)
            scene = await stage(at, works=100, ranked=32)  # anew: bid windows last five minutes
            points += await measure(at, scene, share, options.seconds)
            print(f"measured at {share:.0%}", flush=True)
    for route in dict.fromkeys(point.route for point in points):
        mine = [point for point in points if point.route == route]
        growth, answer = mine[-1].cpu_us / mine[0].cpu_us, mine[-1].answer_bytes / max(1, mine[0].answer_bytes)
        costs = "  ".join(f"{point.cpu_us:7.0f} us ({point.foreign:.1f})" for point in mine)
        verdict = "flat" if growth <= FLAT else "as its answer" if growth <= answer else "GROWS"
        print(f"{route:40} {costs}  x{growth:.2f}, answer x{answer:.1f}  {verdict}")
    RESULTS.mkdir(exist_ok=True)
    told = {"machine": description(), "scale": options.scale, "points": [asdict(point) for point in points]}
    (RESULTS / "scaling.json").write_text(json.dumps(told, indent=1) + "\n")
    (RESULTS / "scaling.svg").write_text(picture(points))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the full size, for a quicker run")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each route at each size")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(_options()))
