"""Background processes that outlive the engine: started once, gated on their health, known again, stopped for certain.

Owns the life of one process: `ensure` makes it run as its `Spec` says, `stop` ends it, `running` tells whether it still
does. Knows nothing of Pulumi (`plugin/` does) and nothing of the exchange (`service.py` does).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local import launch, ports, records
from infra.local.identity import Identity, alive, children, identify, send, wait_gone
from infra.local.records import Record

_TAIL_LINES = 15
_TAIL_BYTES = 16 * 1024
_TAIL_LINE_CHARACTERS = 400
_PUMP_SECONDS = 5.0
"""How long a pump may take to end after its service has; it drains for a second at most."""
_KILL_SECONDS = 5.0
_POLL_SECONDS = (0.02, 0.25)
"""Between two looks at a starting service: at first, and at most."""


_MORE_PORTS = "pulumi config set --path agent-exchange:local.basePort 18080"
_MORE_TIME = "pulumi config set --path agent-exchange:local.startTimeoutSeconds 120"
_NO_VENV = "Run `make setup` if its virtual environment is missing."


class ProcessError(Exception):
    """A process could not be started or stopped. The text says why, quotes the log and names the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Everything that decides how one process runs. Times in seconds."""

    name: str
    command: tuple[str, ...]
    directory: Path
    """The working directory."""
    environment: Mapping[str, str]
    host: str
    port: int
    health_path: str
    folder: Path
    """The stack's folder; holds `run/` (records) and `logs/`."""
    code: str
    """A hash of the code that runs: another code is another process."""
    start_timeout: float = 30.0
    stop_timeout: float = 15.0

    @property
    def log(self) -> Path:
        """The file that is written to now; older ones are beside it with `.1`, `.2` ..."""
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def health_url(self) -> str:
        """What is asked whether the process is up."""
        return f"{ports.base_url(self.host, self.port)}{self.health_path}"

    @property
    def fingerprint(self) -> str:
        """A hash of everything that a running process cannot take on without a restart."""
        relevant = {key: value for key, value in asdict(self).items() if not key.endswith("_timeout")}
        text = json.dumps(relevant, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def ensure(spec: Spec, cancelled: threading.Event | None = None, known: Identity | None = None) -> Identity:
    """Make the process run as `spec` says, and return once it is healthy.

    What an interrupted run has left is taken over if it is exactly this and healthy, and stopped otherwise. `known` is
    the process that the caller remembers, for when the record was removed. Raises ProcessError, after which nothing of
    it runs.
    """
    cancelled = cancelled or threading.Event()
    record = records.load(spec.folder, spec.name)
    started = record.service if record and record.fingerprint == spec.fingerprint else None
    if started and alive(started) and _healthy(spec):
        return started
    stop(spec.folder, spec.name, spec.stop_timeout, known)
    _require_port(spec)
    if cancelled.is_set():
        raise ProcessError(f"{spec.name} was not started: the deployment was interrupted")
    return _start(spec, cancelled)


def running(folder: Path, name: str, identity: Identity) -> bool:
    """Whether that process is the one that was started last under this name here, and still runs."""
    record = records.load(folder, name)
    return record is not None and record.service == identity and alive(identity)


def stop(folder: Path, name: str, grace: float, known: Identity | None = None) -> None:
    """End the process recorded under `name`, with SIGTERM and after `grace` seconds with SIGKILL.

    `known` is the process that the caller remembers, for when the record was removed; its pump ends by itself.
    """
    record = records.load(folder, name)
    if record is None and known is not None:
        record = Record(fingerprint="", pump=known, service=known)
    if record is not None:
        _end(folder, name, record, grace)


def _end(folder: Path, name: str, record: Record, grace: float) -> None:
    # An interruption may come between the start of the pump and that of its service: look again until the pump is gone.
    asked: set[Identity] = set()
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline + (0 if _services(record) else _PUMP_SECONDS):
        services = _services(record)
        if not services and not alive(record.pump):
            break
        for service in services:
            if service not in asked:
                send(service, signal.SIGTERM)
                asked.add(service)
        time.sleep(_POLL_SECONDS[0])
    else:
        _kill(name, record)
    if records.load(folder, name) == record:
        records.forget(folder, name)


def _services(record: Record) -> list[Identity]:
    """What runs of the record's service: the one that was found healthy, or whatever the pump has started."""
    return [record.service] if record.service and alive(record.service) else children(record.pump)


def _kill(name: str, record: Record) -> None:
    # Stopped first, so that it cannot start a service behind our back.
    send(record.pump, signal.SIGSTOP)
    for service in _services(record):
        send(service, signal.SIGKILL, group=True)
        if not wait_gone(service, _KILL_SECONDS):
            raise ProcessError(
                f"{name} (process {service.pid}) does not end, even after SIGKILL: it hangs in the system, usually "
                "on a disk or network file system. Resolve that, or reboot, and run this again."
            )
    send(record.pump, signal.SIGKILL)
    wait_gone(record.pump, _KILL_SECONDS)


def tail(log: Path) -> str:
    """The last lines of a log since its process was started, indented for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "    (it wrote nothing)"
    starts = [number for number, line in enumerate(lines) if '"logger": "pump", "event": "started"' in line]
    lines = [line for line in lines[starts[-1] + 1 if starts else 0 :] if '"logger": "pump"' not in line]
    shown = [f"    {line[:_TAIL_LINE_CHARACTERS]}" for line in lines[-_TAIL_LINES:]]
    return "\n".join(shown) or "    (it wrote nothing)"


def _require_port(spec: Spec) -> None:
    if ports.is_free(spec.host, spec.port):
        return
    # No two services of a stack are meant for one port, so a sibling there is about to move (`basePort` was changed).
    for name, record in records.of(spec.folder).items():
        if record.service and alive(record.service) and ports.owned_by(record.service.pid, spec.port):
            _end(spec.folder, name, record, spec.stop_timeout)
    if ports.is_free(spec.host, spec.port):
        return
    raise ProcessError(
        f"{spec.name} needs port {spec.port} of {spec.host}, but {ports.holder(spec.port)} listens there. Stop that "
        "(for another checkout: `make destroy` over there), or move this stack to other ports: "
        f'`{_MORE_PORTS}` (where there is no pulumi on PATH, `eval "$(make -s env)"` first).'
    )


def _start(spec: Spec, cancelled: threading.Event) -> Identity:
    pump = launch.spawn(spec.command, spec.directory, spec.environment, spec.log)
    identity = identify(pump.pid)
    if identity is None:
        raise ProcessError(f"{spec.name} could not be started: its log pump ended at once (see {spec.log})")
    records.save(spec.folder, spec.name, Record(spec.fingerprint, identity, service=None))
    try:
        pump.release()
        service = _await_health(spec, pump, cancelled)
        records.save(spec.folder, spec.name, Record(spec.fingerprint, identity, service))
    except BaseException:
        stop(spec.folder, spec.name, min(spec.stop_timeout, 5.0))
        raise
    finally:
        pump.close()
    return service


def _await_health(spec: Spec, pump: launch.Pump, cancelled: threading.Event) -> Identity:
    begun = time.monotonic()
    pause, longest = _POLL_SECONDS
    while True:
        if pump.error is not None:
            raise ProcessError(f"{spec.name} could not be started: {pump.error}. {_NO_VENV}")
        if pump.status is not None:
            raise ProcessError(_failed(spec, f"{_ending(pump.status)} before it was healthy"))
        if pump.service is not None and _healthy(spec):
            break
        if cancelled.is_set():
            raise ProcessError(f"{spec.name} was stopped again: the deployment was interrupted before it was healthy")
        if time.monotonic() - begun > spec.start_timeout:
            what = f"was not healthy within {spec.start_timeout:g} s ({spec.health_url}) and was stopped again"
            raise ProcessError(_failed(spec, f"{what}. On a slow machine allow more: `{_MORE_TIME}`"))
        cancelled.wait(pause)
        pump.listen()
        pause = min(pause * 1.3, longest)
    service = identify(pump.service)
    if service is None or not ports.owned_by(service.pid, spec.port):
        other = ports.holder(spec.port)
        raise ProcessError(_failed(spec, f"does not listen on port {spec.port} itself: {other} answers there"))
    return service


def _failed(spec: Spec, what: str) -> str:
    return f"{spec.name} {what}.\nThe last lines of {spec.log}:\n{tail(spec.log)}"


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _healthy(spec: Spec) -> bool:
    connection = http.client.HTTPConnection(spec.host, spec.port, timeout=2)
    try:
        connection.request("GET", spec.health_path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


__all__ = ["ProcessError", "Spec", "ensure", "running", "stop", "tail"]
