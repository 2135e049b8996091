"""The machine at hand as a place where an exchange runs: ten processes, found through the engine's state.

Owns what the operator is told about them. Starts and stops none itself: `pulumi up` and `pulumi destroy` do.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import psutil

from infra.components.catalog import CATALOG, HEALTH_PATH
from infra.components.environment import StoreType
from infra.config.local import LocalSettings
from infra.ops import engine
from infra.ops.clouds import checks
from infra.ops.clouds.cloud import Place, Say
from infra.ops.clouds.local_files import counted, last_end, listening
from infra.ops.clouds.processes import told
from infra.ops.config_file import NAMESPACE, Edit
from infra.ops.engine import CHECKOUT
from infra.ops.faults import Unreachable, UsageFault
from infra.ops.model import Finding, Health, Leftover, Loss, ServiceState, StackResource, Verdict, Version

_PROCESS: Final = "aex:local:Process"
_END_SECONDS: Final = 15.0
"""A service's own grace and a half (infra/local/service.py)."""
_ROOM_BYTES: Final = 500_000_000
_FROM_CODE: Final = "This machine runs the checkout's own code: `git switch` to the version you want, then `make up`."


class Local:
    """The exchange on this machine."""

    name = "local"

    def __init__(self, place: Place) -> None:
        """Take the stack; its config has a part `local`."""
        self._place = place
        self._settings = place.settings.local or LocalSettings()
        directory = self._settings.directory or f".aex/{place.stack}"
        self.folder = (CHECKOUT / directory).resolve()

    def doctor(self) -> Iterator[Finding]:
        """Programs, environments, room on the disk, ports."""
        yield from checks.tools(
            self._place,
            [
                checks.Tool("git", "fetches the code", "Install git.", needed=False),
                checks.Tool("make", "runs the targets", "Install make.", needed=False),
            ],
        )
        yield Finding("python", Verdict.OK, f"{sys.version.split()[0]}, {sys.executable}")
        python = self._python
        if python.exists():
            yield Finding("services' environment", Verdict.OK, str(python))
        else:
            yield Finding("services' environment", Verdict.FAILED, f"{python} is not there", "Run `make setup`.")
        yield from checks.backend(self._place)
        free = shutil.disk_usage(_existing(self.folder)).free
        enough = free >= _ROOM_BYTES
        yield Finding(
            "disk",
            Verdict.OK if enough else Verdict.WARNING,
            f"{free / 1e9:.1f} GB free for {self.folder}",
            "" if enough else "Make room: databases and logs grow there.",
        )
        yield from self._ports()

    def status(self) -> list[ServiceState]:
        """What runs, by the pids of the engine's state and the services' own answers."""
        known = {each.name: each for each in self._place.state if each.type == _PROCESS}
        return [self._state(name, known.get(name)) for name in CATALOG.names]

    def logs_command(self, service: str, *, follow: bool) -> list[str]:
        """`tail` on the service's file."""
        return ["tail", *(["-F"] if follow else []), "-n", "100", str(self.folder / "logs" / f"{service}.log")]

    def exec_command(self, service: str) -> list[str]:
        """There is no container to get into."""
        data = self.folder / "data" / f"{service}.sqlite3"
        raise UsageFault(
            f"{service} is a process of this machine, so there is nothing to open a shell in",
            f"Your shell is there already: `aexctl logs {service}`, or `sqlite3 -readonly {data}`.",
        )

    def versions(self, service: str) -> list[Version]:
        """The code that runs; there is no other."""
        state = next(each for each in self.status() if each.service == service)
        return [Version("running", state.digest, state.deployed, current=True)]

    def go_to(self, targets: Mapping[str, Version]) -> list[Edit]:
        """No images, so no other ones."""
        raise UsageFault(f"{', '.join(targets)} has no image on this machine", _FROM_CODE)

    def go_on(self, services: Sequence[str], percent: int) -> list[Edit]:
        """One process takes every request."""
        raise UsageFault(f"one process of {', '.join(services)} takes every request", _FROM_CODE)

    def scale(self, service: str, *, fixed: int | None, minimum: int | None, maximum: int | None) -> list[Edit]:
        """One process a service."""
        raise UsageFault(
            f"{service} is one process on this machine", "Scale a stack on aws or gcp; this one shows how it works."
        )

    def restart(self, service: str, token: str) -> list[Edit]:
        """Needs no key: a deployment starts what does not run."""
        return []

    def end(self, services: Sequence[str]) -> list[str]:
        """Asks the processes to end, and waits until they have; what does not, the next deployment ends for good."""
        known = {each.name: each for each in self._place.state if each.type == _PROCESS}
        missing = [service for service in services if service not in known]
        if missing:
            stack = self._place.stack
            raise Unreachable(f"{', '.join(missing)} is not deployed", f"`make up STACK={stack}` starts it.")
        running = [each for service in services if (each := _running(known[service])) is not None]
        for process in running:
            process.terminate()
        psutil.wait_procs(running, timeout=_END_SECONDS)
        return [f"ended process {process.pid}" for process in running]

    def export_path(self, name: str) -> str:
        """A file of this machine."""
        return str(Path(name).absolute())

    def fetch_command(self, name: str) -> list[str] | None:
        """It is here."""
        return None

    def operate(self, arguments: Sequence[str], say: Say) -> int:
        """The services' own command, on the files, or on the database that the stack is told to use."""
        command, more = [str(self._python), "-m", "aex", *arguments], dict[str, str]()
        if self._settings.store_type is StoreType.MONGO:
            uri = engine.read(self._place.stack, "config", "get", "--path", f"{NAMESPACE}:local.mongoUri").strip()
            more = {"STORE_TYPE": "mongo", "MONGO_URI": uri}
        else:
            command += ["--data", str(self.folder / "data")]
        if not self._python.exists():
            raise Unreachable(f"{self._python} is not there", "Run `make setup`.")
        return told(command, CHECKOUT / "app", {**os.environ, **more}, say)

    def headers(self) -> Mapping[str, str]:
        """Nothing: the gateway's own key is enough."""
        return {}

    def losses(self) -> list[Loss]:
        """Each database, the secrets and the logs; `keepData` decides about all of them."""
        kept = "stays: local.keepData is true" if self._settings.keep_data else ""
        found = [
            Loss("SQLite database", file.name, counted(file), kept)
            for file in sorted((self.folder / "data").glob("*.sqlite3"))
        ]
        for part, what in (("secrets", "secrets"), ("logs", "logs")):
            files = list((self.folder / part).glob("*"))
            if files:
                found.append(Loss(what, f"{self.folder / part}", f"{len(files)} files", kept))
        return found

    def obstacles(self) -> list[str]:
        """Nothing stands in the way on one's own machine."""
        return []

    def make_way(self) -> Iterator[str]:
        """Nothing to do."""
        yield from ()

    def leftovers(self) -> list[Leftover]:
        """Processes of the stack that still listen, and what `keepData` keeps."""
        ports = {port: name for name, port in self._settings.resolved_ports.items()}
        recorded = {path.stem for path in (self.folder / "run").glob("*.json")}
        found = [
            Leftover("process", f"{ports[port]}, pid {pid}")
            for port, pid in listening(ports)
            if ports[port] in recorded
        ]
        if self.folder.exists():
            found.append(Leftover("folder", str(self.folder), "kept: local.keepData is true"))
        return found

    @property
    def _python(self) -> Path:
        return CHECKOUT / "app" / ".venv" / "bin" / "python"

    def _ports(self) -> Iterator[Finding]:
        ports = self._settings.resolved_ports
        mine = {pid for each in self._place_state() if isinstance(pid := _whole(each, "pid"), int)}
        holders = dict(listening({port: name for name, port in ports.items()}))
        strangers = {port: pid for port, pid in holders.items() if pid not in mine}
        if strangers:
            port, pid = next(iter(strangers.items()))
            held = f"process {pid}" if pid else "another user's process"
            yield Finding(
                "ports",
                Verdict.FAILED,
                f"{held} listens on {port}, and {len(strangers) - 1} more are taken"
                if len(strangers) > 1
                else f"{held} listens on {port}",
                "End it, or use other ports: `pulumi config set --path agent-exchange:local.basePort 18080`.",
            )
            return
        span = f"{min(ports.values())} to {max(ports.values())}"
        yield Finding("ports", Verdict.OK, f"{span}: {len(holders)} held by this stack, the others free")

    def _place_state(self) -> list[StackResource]:
        try:
            return [each for each in self._place.state if each.type == _PROCESS]
        except Unreachable:
            return []

    def _state(self, name: str, known: StackResource | None) -> ServiceState:
        if known is None:
            return ServiceState(service=name, health=Health.MISSING, running=0, desired="1", reason="is not deployed")
        pid, log = _whole(known, "pid"), Path(str(known.outputs.get("log")))
        code = str(known.outputs.get("code") or "")
        started = _started(known)
        ended = last_end(log)
        if started is None:
            return ServiceState(
                service=name,
                running=0,
                desired="1",
                health=Health.STOPPED,
                digest=code,
                reason=ended or f"process {pid} is gone, and its log says nothing of it; `make up` starts it again",
            )
        return ServiceState(
            service=name,
            revision=f"pid {pid}",
            running=1,
            desired="1",
            health=Health.HEALTHY if self._healthy(name) else Health.UNHEALTHY,
            digest=code,
            deployed=started,
            reason=ended,
        )

    def _healthy(self, name: str) -> bool:
        host, port = self._settings.host, self._settings.resolved_ports[name]
        address = f"[{host}]" if ":" in host else host
        try:
            answer = httpx.get(f"http://{address}:{port}{HEALTH_PATH}", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.is_success


def _started(known: StackResource) -> datetime | None:
    """When the process of the state started; None if it is gone."""
    process = _running(known)
    return datetime.fromtimestamp(process.create_time(), UTC) if process else None


def _running(known: StackResource) -> psutil.Process | None:
    """The process of the state; None if it is gone, or its pid is somebody else's now."""
    try:
        process = psutil.Process(_whole(known, "pid") or -1)
        if process.status() == psutil.STATUS_ZOMBIE or process.cmdline() != known.outputs.get("commandLine"):
            return None
    except (psutil.Error, ValueError):
        return None
    return process


def _whole(resource: StackResource, key: str) -> int | None:
    value = resource.outputs.get(key)
    return int(value) if isinstance(value, int | float) else None


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


__all__ = ["Local"]
