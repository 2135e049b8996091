"""Runs one service: uvicorn with uvloop, a keep-alive longer than a load balancer's idle time, a drain on SIGTERM."""

import importlib
import os
import signal
import socket
import sys
from types import FrameType

from pydantic import ValidationError

from aex.core.runtime import Definition
from aex.core.settings import Settings

SERVICES = (
    "gateway",
    "work-publisher",
    "bid-gateway",
    "bid-evaluator",
    "contract-engine",
    "provider-registry",
    "trust-broker",
    "identity",
    "settlement",
    "telemetry",
)
"""The ten, in the order of their ports."""

KEEP_ALIVE_SECONDS = 620
"""Longer than the idle time of the load balancers in front (AWS ALB 60 s, Google's 600 s): the server must never be the
one that closes a connection which the balancer is about to use."""

ACCEPTS = 64
"""New connections taken per turn of the event loop. libuv takes one per listening handle, which under overload is fewer
than come: clients would wait unseen for many seconds, instead of being served or told to come back."""


def load_definition(service: str) -> Definition[Settings]:
    """The definition of `service` (with or without `aex-`). Raises `LookupError` that lists the ten."""
    short = service.removeprefix("aex-")
    if short not in SERVICES:
        raise LookupError(f"there is no service {service!r}; the ten are: {', '.join(SERVICES)}")
    module = importlib.import_module(f"aex.{short.replace('-', '_')}.app")
    definition: Definition[Settings] = module.DEFINITION
    return definition


def load_settings(definition: Definition[Settings]) -> Settings:
    """The settings from the environment. Raises `ValueError`, one line a wrong variable."""
    try:
        return definition.settings_type()
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in problem['loc']).upper() or 'settings'}: "
            f"{str(problem['msg']).removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise ValueError(f"{definition.name} cannot start:\n" + "\n".join(lines)) from None


def serve(service: str) -> int:
    """Runs `service` until SIGTERM or SIGINT; returns the process's exit code (2 for a mistake in the settings)."""
    try:
        definition = load_definition(service)
        settings = load_settings(definition)
    except (LookupError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a logger, and for a person
        return 2
    import uvloop

    return uvloop.run(_run(definition, settings))


async def _run(definition: Definition[Settings], settings: Settings) -> int:
    # Imported here, so that a mistake in the settings is answered at once and `--help` costs nothing.
    import uvicorn

    from aex.core import lean, logging
    from aex.core.app import create_app
    from aex.core.joined import JoinedProtocol
    from aex.store import StoreError, open_store

    logging.configure(settings, definition.name)
    # The SDK's own defaults would sample every trace and name every service `unknown_service`.
    os.environ.setdefault("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    os.environ.setdefault("OTEL_TRACES_SAMPLER_ARG", str(settings.otel_traces_sampler_arg))
    os.environ.setdefault("OTEL_SERVICE_NAME", definition.name)
    try:
        app = create_app(definition, settings, store=await open_store(settings, definition.name))
    except (StoreError, ValueError) as error:
        print(f"{definition.name} cannot start: {error}", file=sys.stderr)  # noqa: T201 - for a person
        return 2
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=JoinedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who the client is, the gateway decides; nobody else asks
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.shutdown_grace_seconds),
        lifespan="on",
    )
    server = uvicorn.Server(config)
    lean.started()
    # The server drains, then repeats the signal to whoever had it before: to be told to end is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        listeners = _listeners(settings.host, settings.port)
    except OSError as error:
        print(f"{definition.name} cannot listen on {settings.host}:{settings.port}: {error}", file=sys.stderr)  # noqa: T201
        return 3
    await server.serve(sockets=listeners)
    return 0 if server.started else 3


def _listeners(host: str, port: int) -> list[socket.socket]:
    """The port to listen on, `ACCEPTS` times over."""
    first = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind((host, port))
    except OSError:
        first.close()
        raise
    return [first, *(first.dup() for _ in range(ACCEPTS - 1))]


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


__all__ = ["SERVICES", "load_definition", "load_settings", "serve"]
