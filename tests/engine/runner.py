"""Runs the Pulumi CLI on one stack of a copy of the project, and reads what it did from the engine's own events.

What is in the copy, and which stack, is the business of `workshop.py` (this machine) and `cloud.py` (stand-ins).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tools.checkout import Checkout

CHECKOUT = Path(__file__).parents[2]

Summary = dict[str, int]
"""Operation -> number of resources, as the engine counts them; without the unchanged ones."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the engine did, or would do, with one resource."""

    op: str
    """create, update, delete, replace, create-replacement, delete-replaced, refresh, same, ..."""
    type: str
    name: str
    urn: str
    diffs: tuple[str, ...] = ()
    """Top-level properties that differ."""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One run of the CLI."""

    code: int
    output: str
    events: Sequence[Mapping[str, Any]]
    seconds: float

    @property
    def planned(self) -> list[Step]:
        """Every step as it was begun, in order: all that a preview has."""
        return [_step(event["resourcePreEvent"]) for event in self.events if "resourcePreEvent" in event]

    @property
    def done(self) -> list[Step]:
        """Steps as they ended, in order."""
        ended = (event.get("resOutputsEvent") or event.get("resOpFailedEvent") for event in self.events)
        return [_step(event, failed="status" in event) for event in ended if event]

    @property
    def changes(self) -> set[tuple[str, str, str]]:
        """(operation, type, name) of what changed, or would; steps of a replacement as one `replace`."""
        found = {(step.op, step.type, step.name) for step in self.planned if step.op not in ("same", "read", "refresh")}
        return {each for each in found if each[0] not in ("create-replacement", "delete-replaced")}

    @property
    def summary(self) -> Summary:
        """The engine's own count, without what stayed as it was."""
        for event in self.events:
            if "summaryEvent" in event:
                counts = cast("Summary", event["summaryEvent"]["resourceChanges"])
                return {op: count for op, count in counts.items() if op != "same"}
        return {}

    @property
    def words(self) -> str:
        """The output on one line."""
        return words(self.output)


def _step(event: Mapping[str, Any], *, failed: bool = False) -> Step:
    metadata = event["metadata"]
    urn = str(metadata["urn"])
    return Step(
        op=metadata["op"],
        type=metadata["type"],
        name=urn.rpartition("::")[2],
        urn=urn,
        diffs=tuple(sorted(metadata.get("diffs") or ())),
        failed=failed,
    )


@contextmanager
def _listening_as_in_a_terminal() -> Iterator[None]:
    """Undo what `nohup` or a job in the background has set: children inherit that a signal is ignored.

    Not in the child before its start (`preexec_fn`), which is no place for Python beside the threads of gRPC.
    """
    ignored = [each for each in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(each) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


@dataclass
class Runner:
    """One copy of the project and one stack in it."""

    root: Path
    stack: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The folder of the file backend."""
        return self._checkout.state

    @property
    def _checkout(self) -> Checkout:
        return Checkout(self.root, self.root / "no-cache")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `pulumi` on the stack, in a process group of its own, as a terminal does."""
        command = ["pulumi", "--non-interactive", "--color=never", *arguments, "--stack", self.stack]
        with _listening_as_in_a_terminal():
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def pulumi(self, *arguments: str, fails: bool = False, seconds: float = 110) -> str:
        """Run `pulumi` on the stack to its end and return what it said; it must succeed, or fail if told so."""
        code, output = self._run(arguments, seconds)
        assert (code != 0) == fails, f"pulumi {' '.join(arguments)}: {code}\n{output}"
        return output

    def watched(self, *arguments: str, fails: bool | None = False, seconds: float = 170) -> Result:
        """The same with the engine's events; `fails` is None when either is fine."""
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "events.json"
            code, output = self._run([*arguments, "--event-log", str(log)], seconds)
            events = list(events_in(log))
        assert fails is None or (code != 0) == fails, f"pulumi {' '.join(arguments)}: {code}\n{output}"
        return Result(code, output, events, time.monotonic() - begun)

    def _run(self, arguments: Sequence[str], seconds: float) -> tuple[int, str]:
        process = self.start(*arguments)
        try:
            output = process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, output

    def variables(self) -> dict[str, str]:
        """The environment of the CLI: this process's, and what keeps it away from everything else on the machine."""
        return {
            **os.environ,
            "PATH": os.pathsep.join([str(CHECKOUT / ".aex" / "bin"), os.environ["PATH"]]),
            # The copy's `infra` before the one that is installed in the environment.
            "PYTHONPATH": str(self.root),
            "PULUMI_BACKEND_URL": self._checkout.backend,
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_HOME": str(self.root / ".aex" / "pulumi-home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # For `--event-log`.
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
            **self.environment,
        }


def events_in(log: Path) -> Iterator[Mapping[str, Any]]:
    """The engine's events in a log that it may still be writing."""
    for line in log.read_text().splitlines() if log.exists() else ():
        if line.endswith("}"):
            yield json.loads(line)


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until the condition holds; fail if it takes longer."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def words(output: str) -> str:
    """Output on one line, for comparing with texts that the engine has wrapped or indented."""
    return re.sub(r"\s+", " ", output)


def count(steps: Sequence[Step]) -> Counter[str]:
    """Operation -> how many."""
    return Counter(step.op for step in steps)


__all__ = ["CHECKOUT", "Result", "Runner", "Step", "Summary", "count", "events_in", "wait_until", "words"]
