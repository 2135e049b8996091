"""One service of the exchange as a process of this machine.

Owns the command, the environment and the place of the data. Does not own how a process is started and watched
(`processes.py`), nor the order (`platform.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.components.catalog import HEALTH_PATH
from infra.components.model import Service
from infra.local.code import code_hash
from infra.local.ports import base_url
from infra.local.resources import Process

SHUTDOWN_GRACE_SECONDS = 10
"""How long a service may finish what it is doing; then five more seconds until it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServiceArgs:
    """What the platform knows and the catalog does not."""

    app: Path
    """The folder `app` of the checkout."""
    folder: Path
    """The stack's folder."""
    host: str
    port: int
    environment: Mapping[str, pulumi.Input[str]]
    start_timeout: float
    """Seconds that the service may take until it is healthy."""


class LocalService(pulumi.ComponentResource):
    """Runs one service of the catalog."""

    process: Process
    url: str
    """Base URL, known before anything runs."""

    def __init__(self, service: Service, args: LocalServiceArgs, opts: pulumi.ResourceOptions) -> None:
        """Start the service once everything that it depends on is there."""
        super().__init__("agent-exchange:local:Service", service.name, None, opts)
        self.url = base_url(args.host, args.port)
        variables: dict[str, pulumi.Input[str]] = {
            **args.environment,
            "PORT": str(args.port),
            "SHUTDOWN_GRACE_SECONDS": str(SHUTDOWN_GRACE_SECONDS),
            # Lines must reach the log as they are written, or the ones before a crash are lost.
            "PYTHONUNBUFFERED": "1",
        }
        if service.uses_store:
            variables["SQLITE_PATH"] = str(args.folder / "data" / f"{service.name}.sqlite3")
        self.process = Process(
            service.name,
            command=[str(args.app / ".venv" / "bin" / "python"), "-m", "aex", "serve", service.name],
            directory=str(args.app),
            environment=variables,
            host=args.host,
            port=args.port,
            health_path=HEALTH_PATH,
            folder=str(args.folder),
            code=code_hash(args.app, service.package),
            start_timeout=args.start_timeout,
            stop_timeout=SHUTDOWN_GRACE_SECONDS + 5,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"url": self.url})


__all__ = ["LocalService", "LocalServiceArgs"]
