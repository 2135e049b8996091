"""What the machine did meanwhile: CPU of the services, of this client and of everybody else; memory; versions."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has used, in user and kernel mode; a hundredth is the unit."""
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def rss_kib(pid: int) -> int:
    """Resident memory of a process."""
    return psutil.Process(pid).memory_info().rss // 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds between two moments."""

    services: float
    client: float
    foreign: float
    """Share of all cores that neither the services nor this client used."""


class Meter:
    """Measures from its making until `stop`."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = list(pids)
        self._begun = time.perf_counter()
        self._services = sum(map(cpu_seconds, self._pids))
        self._client = cpu_seconds(os.getpid())
        self._busy = _busy_seconds()

    def stop(self) -> Usage:
        """What was used since."""
        wall = time.perf_counter() - self._begun
        services = sum(map(cpu_seconds, self._pids)) - self._services
        client = cpu_seconds(os.getpid()) - self._client
        others = max(0.0, _busy_seconds() - self._busy - services - client)
        return Usage(services, client, others / (wall * (os.cpu_count() or 1)))


def _busy_seconds() -> float:
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + soft + steal) / _TICKS


def description() -> dict[str, str]:
    """The machine and the versions, for whoever reads the figures."""
    named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    packages = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "orjson", "structlog")
    return {
        "cpu": named[0].split(":", 1)[1].strip() if named else platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total // 2**20} MiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


__all__ = ["Meter", "Usage", "cpu_seconds", "description", "rss_kib"]
