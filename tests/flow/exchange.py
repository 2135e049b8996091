"""Ten real processes on free ports, wired from the catalog, that tests may kill and start again.

The engine is not involved: these tests are about what the services promise when processes die, and need to kill one
at a chosen moment. That the engine starts the same ten is tested in `tests/engine`.
"""

import asyncio
import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from aex.core.service_tokens import public_key
from aex.tools.place import Place
from infra.components.catalog import CATALOG
from infra.components.environment import (
    Common,
    ServiceAuth,
    StoreType,
    allowed_callers,
    environment_of,
    secret_variables,
)
from infra.components.graph import deployment_order
from infra.components.model import Service

START_SECONDS = 90.0
"""Ten interpreters at once on two cores that may be busy with other tests."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; held together so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


class Exchange:
    """The ten services as processes of this test."""

    def __init__(
        self, folder: Path, *, auth: ServiceAuth, overrides: Mapping[str, str], place: Place | None = None
    ) -> None:
        self.folder = folder
        self.place = place or Place("sqlite", folder, {})
        self._overrides = dict(overrides)
        self._common = Common(
            environment="local",
            store=StoreType(self.place.store_type),
            service_auth=auth,
            duty_interval_seconds=0.2,
            host="127.0.0.1",
        )
        self.ports = dict(zip(CATALOG.names, free_ports(len(CATALOG.names)), strict=True))
        self._secrets = {secret.name: f"1:{secrets.token_hex(32)}" for secret in CATALOG.secrets}
        self.operator_key = "aexk_" + secrets.token_hex(32)
        self._secrets["aex-operator-key"] = self.operator_key
        self._seeds = {
            name: base64.b64encode(secrets.token_bytes(32)).decode()
            for name in (*CATALOG.names, "operator", "scheduler")
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, name: str) -> str:
        """The base URL of a service."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def pid(self, name: str) -> int:
        """The pid of a service that was started here."""
        return self._processes[name].pid

    def started(self, name: str) -> bool:
        """Whether a service was started here."""
        return name in self._processes

    def log(self, name: str) -> str:
        """What the service has logged so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def environment(self, service: Service) -> dict[str, str]:
        """What the service gets, as a platform would give it."""
        name = service.name
        variables = dict(environment_of(CATALOG, service, self._common, lambda callee: self.url(callee.name)))
        variables |= {variable: self._secrets[secret] for variable, secret in secret_variables(service).items()}
        variables |= {"PORT": str(self.ports[name]), "SQLITE_PATH": str(self.folder / f"{name}.sqlite3")}
        variables |= self.place.variables(name) if self.place.store_type != "sqlite" else {}
        if self._common.service_auth is ServiceAuth.TOKEN:
            callers = [caller for caller in allowed_callers(CATALOG, name) if caller in self._seeds]
            variables["AEX_SERVICE_SEED"] = self._seeds[name]
            variables["AEX_SERVICE_KEYS"] = json.dumps({caller: public_key(self._seeds[caller]) for caller in callers})
        return {"PATH": os.environ["PATH"], **variables, **self._overrides}

    async def start(self, *names: str) -> None:
        """Starts `names` (default: all, callees first) and waits until each is healthy."""
        for name in names or deployment_order(CATALOG):
            self.spawn(name)
        for name in names or deployment_order(CATALOG):
            await self._healthy(name)

    def spawn(self, name: str) -> None:
        """Starts a service without waiting for it."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "aex", "serve", name],
                env=self.environment(CATALOG.service(name)),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    async def _healthy(self, name: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    if (await client.get(f"{self.url(name)}/ready", timeout=1)).status_code == 200:
                        return
                except httpx.HTTPError:
                    await asyncio.sleep(0.02)
                code = self._processes[name].poll()
                assert code is None, f"{name} ended with {code}:\n{self.log(name)[-2000:]}"
                assert time.monotonic() < deadline, f"{name} is not healthy:\n{self.log(name)[-2000:]}"

    def kill(self, name: str) -> None:
        """Kill -9, as a machine that loses power would."""
        process = self._processes[name]
        process.kill()
        process.wait()

    def terminate(self, name: str) -> int:
        """SIGTERM, as a platform would; returns the exit code."""
        process = self._processes[name]
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=20)

    def stop(self) -> None:
        """Ends whatever still runs."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def client(
        self, name: str = "aex-gateway", *, key: str | None = None, bearer: str | None = None
    ) -> httpx.AsyncClient:
        """A client of one service; the gateway unless named."""
        headers = {"X-API-Key": key} if key else {}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return httpx.AsyncClient(
            base_url=self.url(name),
            headers=headers,
            timeout=30,
            trust_env=False,
            limits=httpx.Limits(max_connections=128),
        )


@asynccontextmanager
async def exchange(
    folder: Path,
    *,
    auth: ServiceAuth = ServiceAuth.OFF,
    place: Place | None = None,
    only: tuple[str, ...] = (),
    **overrides: str,
) -> AsyncGenerator[Exchange, None]:
    """A running exchange in `folder`; `overrides` are environment variables for all ten.

    Its data is in `folder` unless `place` says where; `only` starts nothing but these services.
    """
    running = Exchange(folder, auth=auth, overrides=overrides, place=place)
    try:
        await running.start(*only)
        yield running
    finally:
        running.stop()
