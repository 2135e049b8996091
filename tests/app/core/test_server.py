"""`python -m aex serve` as a platform runs it: what it refuses to start with, what it exports, how it ends."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from aex.core.server import KEEP_ALIVE_SECONDS
from tests.flow.exchange import free_ports

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

FINE = {"ENVIRONMENT": "local", "AEX_SERVICE_AUTH": "off"}


UVICORNS_DEFAULT_SECONDS = 5
"""How long uvicorn keeps an idle connection that it was told nothing about."""


def serve(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, which must come by itself."""
    return run("-m", "aex", *words, **environment)


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python to its end."""
    return subprocess.run(
        [sys.executable, *words],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("service", "environment", "said"),
    [
        ("nobody", FINE, "the ten are: gateway, work-publisher"),
        ("trust-broker", {}, "AEX_SERVICE_SEED"),
        ("trust-broker", {"AEX_SERVICE_AUTH": "off"}, "refused in ENVIRONMENT=production"),
        ("trust-broker", {**FINE, "PORT": "eighty"}, "PORT: Input should be a valid integer"),
        (
            "trust-broker",
            {**FINE, "STORE_TYPE": "oracle"},
            "STORE_TYPE: Input should be 'sqlite'",
        ),
        ("identity", FINE, "API_KEY_SALT: Field required"),
        ("trust-broker", {**FINE, "SQLITE_PATH": "/proc/none/x.sqlite3"}, "aex-trust-broker cannot start"),
    ],
)
def test_a_mistake_in_the_settings_is_one_message_that_names_the_variable(
    service: str, environment: dict[str, str], said: str
) -> None:
    done = serve("serve", service, **environment)
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@asynccontextmanager
async def trust_broker(**environment: str) -> AsyncGenerator[tuple[subprocess.Popen[bytes], httpx.AsyncClient], None]:
    """The smallest service as a process, healthy."""
    (port,) = free_ports(1)
    process = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-m", "aex", "serve", "trust-broker"],
        env={"PATH": os.environ["PATH"], **FINE, "PORT": str(port), **environment},
        stdout=subprocess.PIPE,
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        try:
            for _ in range(600):
                try:
                    if (await client.get("/health")).is_success:
                        break
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
            yield process, client
        finally:
            process.kill()
            process.wait()


def test_an_image_that_names_its_service_needs_no_argument() -> None:
    assert "AEX_SERVICE_SEED" in serve("serve", AEX_SERVICE="aex-trust-broker").stderr
    assert "the following arguments are required: service" in serve("serve").stderr


def test_a_stop_is_heard_before_the_imports_are_done() -> None:
    """Process 1 of a container ignores SIGTERM unless it handles it, and imports take most of a start."""
    heard = run("-c", STOPPED_IN_THE_IMPORTS)
    assert heard.returncode == 0, heard.stderr


STOPPED_IN_THE_IMPORTS = """
import os, runpy, signal, sys

class Stopping:
    def find_spec(self, name, path=None, target=None):
        if name == "aex.core":
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Stopping())
sys.argv = ["aex", "serve", "trust-broker"]
runpy.run_module("aex", run_name="__main__")
"""
"""The real command, which is told to stop by the first import that takes time."""


async def test_it_listens_on_loopback_unless_told_otherwise_and_ends_with_zero_on_sigterm() -> None:
    async with trust_broker() as (process, client):
        assert client.base_url.host == "127.0.0.1" and (await client.get("/ready")).is_success
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0


TELL_THE_KEEP_ALIVE = """
import sys, uvicorn

class Told:
    started = True

    def __init__(self, config):
        print("keeps", config.timeout_keep_alive, file=sys.stderr)

    async def serve(self, sockets):
        for one in sockets:
            one.close()

uvicorn.Server = Told
from aex.__main__ import main
sys.exit(main(["serve", "trust-broker"]))
"""
"""The real command up to the server that it is about to run, which says what it was given instead of running."""


def test_connections_are_kept_longer_than_the_load_balancers_keep_them() -> None:
    # AWS ALB: 60 s unless changed; Google's load balancers: 600 s, fixed. The server must not be the one that closes.
    done = run("-c", TELL_THE_KEEP_ALIVE, **FINE, SQLITE_PATH=":memory:", PORT="0")
    told = re.search(r"^keeps (\d+)", done.stderr, re.MULTILINE)
    assert done.returncode == 0 and told, done.stderr
    assert int(told[1]) == KEEP_ALIVE_SECONDS > 600


async def test_an_idle_connection_outlives_the_servers_own_default() -> None:
    async with trust_broker() as (_, client):
        address = client.base_url
        reader, writer = await asyncio.open_connection(address.host, address.port)
        for pause in (UVICORNS_DEFAULT_SECONDS + 1.5, 0):
            writer.write(b"GET /health HTTP/1.1\r\nHost: trust\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            assert head.startswith(b"HTTP/1.1 200")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            assert length is not None
            await reader.readexactly(int(length[1]))
            await asyncio.sleep(pause)
        writer.close()


async def test_traces_go_out_by_otlp_with_the_callers_trace_as_their_parent() -> None:
    received: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    async def collector(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        await received.put((head, await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(collector, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with trust_broker(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="100") as (_, client):
        headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        assert (await client.get("/v1/providers/prov_1/trust", headers=headers)).is_success
        head, body = await asyncio.wait_for(received.get(), 20)
    listener.close()
    assert head.startswith(b"POST /v1/traces") and bytes.fromhex(trace) in body and b"aex-trust-broker" in body


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("-m", "aex", "serve", "trust-broker", **FINE, SQLITE_PATH=":memory:", PORT=port)
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert f"aex-trust-broker cannot listen on 127.0.0.1:{port}" in done.stderr
