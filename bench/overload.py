"""The gateway at three times what it can do: `.venv/bin/python -m bench.overload`.

Requests arrive at a fixed rate, whatever becomes of those before them (an open loop): first half of the capacity, then
three times as many, then half again. Shows what is shed and how it is told, how long what is accepted takes, how much
memory that costs, how soon all is as before, and that duties went on meanwhile. Writes `bench/results/overload.json`.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

from bench.client import Connection, drive, request
from bench.machine import Meter, description, rss_kib
from bench.services import Running, own, stage, work_body

CONNECTIONS = 1500
"""Three times as many as the gateway lets in at once: what is limited must be the gateway, not this client."""
RESULTS = Path(__file__).with_name("results")


@dataclass(slots=True)
class Phase:
    """What became of the requests of one phase. Latencies in ms, of what was accepted."""

    name: str
    wanted_per_second: float
    answered: dict[int, int] = field(default_factory=dict[int, int])
    accepted_per_second: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    shed_p99: float = 0.0
    without_retry_after: int = 0
    """Refusals that do not say when to come back."""
    gateway_rss_mib: float = 0.0
    """At the end."""
    foreign: float = 0.0


class Crowd:
    """Clients that do not wait for each other."""

    def __init__(self, url: str, prepared: bytes) -> None:
        self._url = url
        self._prepared = prepared
        self._idle: list[Connection] = []
        self._open = 0

    async def open(self) -> None:
        """Connects all of them, as clients that have been there before."""
        while self._open < CONNECTIONS:
            self._open += 1
            self._idle.append(await Connection.open(self._url))

    async def phase(self, name: str, per_second: float, seconds: float, at: Running) -> Phase:
        """Sends at this rate for so long, then waits for what is under way."""
        phase = Phase(name, per_second)
        counts: Counter[int] = Counter()
        accepted: list[float] = []
        shed: list[float] = []
        tasks: set[asyncio.Task[None]] = set()

        async def one() -> None:
            if not self._idle:
                counts[0] += 1  # every client waits for an answer
                return
            connection = self._idle.pop()
            begun = time.perf_counter()
            status, _ = await connection.send(self._prepared)
            took = (time.perf_counter() - begun) * 1000
            counts[status] += 1
            (accepted if status == 200 else shed).append(took)
            if status in {429, 503} and b"retry-after:" not in connection.headers.lower():
                phase.without_retry_after += 1
            self._idle.append(connection)

        meter, begun, sent = Meter(at.pids.values()), time.perf_counter(), 0
        while (passed := time.perf_counter() - begun) < seconds:
            while sent < passed * per_second:
                task = asyncio.create_task(one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
            await asyncio.sleep(0.002)
        phase.gateway_rss_mib = rss_kib(at.pids["aex-gateway"]) / 1024
        await asyncio.gather(*tasks)
        phase.answered = dict(sorted(counts.items()))
        phase.accepted_per_second = len(accepted) / (time.perf_counter() - begun)
        phase.p50, phase.p99, phase.shed_p99 = _at(accepted, 0.5), _at(accepted, 0.99), _at(shed, 0.99)
        phase.foreign = meter.stop().foreign
        return phase


def _at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def evaluated(at: Running) -> float:
    """How many works the duty of the evaluator has ranked after their windows were closed."""
    connection = await Connection.open(at.url("bid-evaluator"))
    _, text = await connection.send(request("GET", at.url("bid-evaluator", "/metrics")))
    connection.close()
    lines = [line for line in text.decode().splitlines() if line.startswith('aex_duty_items_total{duty="evaluate"')]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def main(options: argparse.Namespace) -> None:
    """Measures, prints, writes."""
    async with own() as at:
        scene = await stage(at, works=1)
        prepared = request("GET", at.url("gateway", f"/v1/work/{scene.work_ids[0]}"), None, {"X-API-Key": scene.key})
        url = at.url("gateway")
        load = await drive(url, lambda _: prepared, connections=32, seconds=3, expected=frozenset({200}))
        capacity = load.per_second
        publisher = await Connection.open(at.url("work-publisher"))
        short = {**work_body(), "bid_window_ms": 5000}
        for _ in range(20):
            await publisher.must(request("POST", at.url("work-publisher", "/v1/work"), short))
        before = await evaluated(at)
        crowd = Crowd(url, prepared)
        await crowd.open()
        phases = [
            await crowd.phase("before", capacity / 2, options.seconds, at),
            await crowd.phase("three times the capacity", capacity * 3, max(8.0, options.seconds), at),
            await crowd.phase("the two seconds after", capacity / 2, 2, at),
            await crowd.phase("then", capacity / 2, options.seconds, at),
        ]
        duties = await evaluated(at) - before
    print(f"capacity {capacity:.0f}/s at 32 connections; duties closed and ranked {duties:.0f} of 20 works meanwhile")
    for phase in phases:
        print(
            f"{phase.name:26} wanted {phase.wanted_per_second:6.0f}/s  accepted {phase.accepted_per_second:6.0f}/s  "
            f"p50 {phase.p50:6.0f} p99 {phase.p99:6.0f} ms  shed p99 {phase.shed_p99:5.0f} ms  {phase.answered}  "
            f"without Retry-After {phase.without_retry_after}  {phase.gateway_rss_mib:.0f} MiB  "
            f"foreign {phase.foreign:.2f}"
        )
    RESULTS.mkdir(exist_ok=True)
    told = {
        "machine": description(),
        "capacity_per_second": capacity,
        "works_ranked_of_20": duties,
        "phases": [asdict(phase) for phase in phases],
    }
    (RESULTS / "overload.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each phase")
    uvloop.run(main(parser.parse_args()))
