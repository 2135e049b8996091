"""Measures the rows and the trades on one running exchange."""

import asyncio
import time
from dataclasses import dataclass

from bench.client import Load, drive
from bench.machine import Meter
from bench.rows import ROWS, Row
from bench.services import Running, Scene, stage
from bench.trade import REQUESTS, Trader

WARM_UP_SECONDS = 0.7


@dataclass(frozen=True, slots=True)
class Figure:
    """One row at one concurrency. Latencies in ms, CPU of all ten services in microseconds a request (or trade)."""

    name: str
    connections: int
    per_second: float
    p50: float
    p95: float
    p99: float
    cpu_us: float
    client_share: float
    """Of one core: near 1, the client is what is measured."""
    foreign: float
    """Share of all cores used by others meanwhile."""


def figure(name: str, connections: int, load: Load, meter: Meter) -> Figure:
    """The figures of a load."""
    usage = meter.stop()
    count = max(1, len(load.latencies))
    return Figure(
        name,
        connections,
        load.per_second,
        load.percentile_ms(0.5),
        load.percentile_ms(0.95),
        load.percentile_ms(0.99),
        usage.services / count * 1e6,
        usage.client / load.seconds,
        usage.foreign,
    )


async def measure_rows(at: Running, *, seconds: float, only: str = "") -> list[Figure]:
    """Every row at every concurrency the peer was measured with."""
    scene = await stage(at, works=200, ranked=64)
    figures: list[Figure] = []
    for row in ROWS:
        if only and only not in row.name:
            continue
        for connections in sorted({1, 32} & row.peer.keys()):
            figures.append(await _row(at, scene, row, connections, seconds))
    return figures


async def _row(at: Running, scene: Scene, row: Row, connections: int, seconds: float) -> Figure:
    make = row.make(at, scene)
    expected = frozenset({row.expected})
    url = make(0).split(b"Host: ", 1)[1].split(b"\r\n", 1)[0].decode()
    await drive(f"http://{url}", make, connections=connections, seconds=WARM_UP_SECONDS, expected=expected)
    meter = Meter(at.pids.values())
    load = await drive(f"http://{url}", make, connections=connections, seconds=seconds, expected=expected)
    return figure(row.name, connections, load, meter)


async def measure_trades(at: Running, *, connections: int, trades: int, closes_itself: bool) -> Figure:
    """Whole trades, `connections` at a time."""
    traders = [Trader(at, closes_itself=closes_itself) for _ in range(connections)]
    for trader in traders:
        await trader.open()
    await asyncio.gather(*(trader.run() for trader in traders))
    load, left = Load(), iter(range(trades))

    async def many(trader: Trader) -> None:
        for _ in left:
            begun = time.perf_counter()
            await trader.run()
            load.latencies.append(time.perf_counter() - begun)

    meter = Meter(at.pids.values())
    begun = time.perf_counter()
    await asyncio.gather(*map(many, traders))
    load.seconds = time.perf_counter() - begun
    name = f"trade of {REQUESTS[closes_itself]} requests"
    measured = figure(name, connections, load, meter)
    for trader in traders:
        trader.close()
    return measured


__all__ = ["Figure", "measure_rows", "measure_trades"]
