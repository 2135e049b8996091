"""From the start of a service's process to its first healthy answer, and its memory when idle."""

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.client import Connection, request
from bench.machine import cpu_seconds, rss_kib
from infra.components.catalog import CATALOG
from infra.components.environment import ServiceAuth
from tests.flow.exchange import Exchange

PEER_START_MS = {
    "aex-gateway": 3.3,
    "aex-work-publisher": 10.6,
    "aex-bid-gateway": 4.9,
    "aex-bid-evaluator": 5.0,
    "aex-contract-engine": 5.7,
    "aex-provider-registry": 4.4,
    "aex-trust-broker": 5.2,
    "aex-identity": 4.4,
    "aex-settlement": 4.5,
    "aex-telemetry": 3.1,
}
"""Medians of 15 starts."""
TARGET_MS, TARGET_RSS_MIB = 500.0, 60.0


@dataclass(frozen=True, slots=True)
class Start:
    """One service. Milliseconds to healthy (median), CPU until then, MiB of resident memory when idle."""

    name: str
    healthy_ms: float
    cpu_ms: float
    rss_mib: float


async def measure_starts(times: int) -> list[Start]:
    """Each service alone, `times` times."""
    found: list[Start] = []
    with tempfile.TemporaryDirectory(prefix="aex-start-") as folder:
        one = Exchange(Path(folder), auth=ServiceAuth.OFF, overrides={})
        for name in CATALOG.names:
            runs = [await _once(one, name) for _ in range(times)]
            walls, cpus, sizes = zip(*runs, strict=True)
            found.append(Start(name, statistics.median(walls), statistics.median(cpus), max(sizes)))
    return found


async def _once(one: Exchange, name: str) -> tuple[float, float, float]:
    begun = time.perf_counter()
    one.spawn(name)
    health = request("GET", one.url(name) + "/health")
    while True:
        try:
            connection = await Connection.open(one.url(name))
            status, _ = await connection.send(health)
            connection.close()
            if status == 200:
                break
        except OSError:
            await asyncio.sleep(0.002)
    wall = (time.perf_counter() - begun) * 1000
    cpu = cpu_seconds(one.pid(name)) * 1000
    await asyncio.sleep(0.5)
    size = rss_kib(one.pid(name)) / 1024
    one.terminate(name)
    return wall, cpu, size


__all__ = ["PEER_START_MS", "TARGET_MS", "TARGET_RSS_MIB", "Start", "measure_starts"]
