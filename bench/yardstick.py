"""How fast this machine is just now, told by a small Go server whose kind the peer's figures are known for."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from bench.client import drive, request
from bench.machine import Meter

SOURCE = Path(__file__).with_name("yardstick.go")
PEER_CPU_US = {1: 65.0, 32: 26.0}
"""What the peer's `GET /health` cost, by connections."""


async def measure(seconds: float) -> dict[int, float]:
    """CPU microseconds of one request, by connections; empty where there is no Go."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "yardstick")
        build = await asyncio.create_subprocess_exec(go, "build", "-o", str(program), str(SOURCE))
        if await build.wait() != 0:
            return {}
        server = await asyncio.create_subprocess_exec(str(program), stdout=asyncio.subprocess.PIPE)
        assert server.stdout is not None
        try:
            url = f"http://{(await server.stdout.readline()).decode().strip()}"
            prepared = request("GET", f"{url}/health")
            return {c: await _cost(url, prepared, server.pid, c, seconds) for c in PEER_CPU_US}
        finally:
            server.kill()
            await server.wait()


async def _cost(url: str, prepared: bytes, pid: int, connections: int, seconds: float) -> float:
    expected = frozenset({200})
    await drive(url, lambda _: prepared, connections=connections, seconds=0.3, expected=expected)
    meter = Meter([pid])
    load = await drive(url, lambda _: prepared, connections=connections, seconds=seconds, expected=expected)
    return meter.stop().services / max(1, len(load.latencies)) * 1e6


__all__ = ["PEER_CPU_US", "measure"]
