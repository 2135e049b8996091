"""The parent of one background service: starts it, writes its output to rotated files, notes how it ended.

Run as a script by `launch.py`, with nothing but the standard library (`python -I -S`), because one of these lives
beside every service: about 15 ms to start and 8 MB.

Why a process, and not a rotating handler inside the service: the files then also get what no logging handler sees
(tracebacks of a failed import, a crash of the interpreter, output of libraries), the service needs no knowledge of
files (in the clouds it logs to its output as well), and a rotation never loses a line. Why one per service, and not one
for all: nothing has to be kept running between the services, and an accident to one pump costs one service.

Protocol with the starter, over the pump's own standard input and output: the pump waits for the line `go`. If the
starter dies first, the pump reads the end of the file and leaves, so that nothing runs which no record names. Then it
answers one JSON line, `{"pid": 123}` or `{"error": "..."}`, and later `{"status": -9}` if anyone still listens.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import BinaryIO

CHUNK_BYTES = 64 * 1024
_DRAIN_SECONDS = 1.0
"""How long output is still read after the service has ended: a grandchild may hold the pipe open for ever."""


class RotatedFile:
    """`path`, `path.1` ... `path.<keep>`, each of at most `max_bytes` plus two chunks."""

    def __init__(self, path: str, max_bytes: int, keep: int) -> None:
        """Append to `path`; older files are kept where they are until they are pushed out."""
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._file = self._open()

    def write(self, chunk: bytes) -> None:
        """Append; start a new file at the end of a line once this one is full."""
        try:
            self._file.write(chunk)
            size = self._file.tell()
            if size >= self._max_bytes and (chunk.endswith(b"\n") or size >= self._max_bytes + CHUNK_BYTES):
                self._rotate()
        except OSError:
            # A full disk must not stop the service: its output is dropped until there is room again.
            return

    def _open(self) -> BinaryIO:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "ab", buffering=0)
        file.seek(0, os.SEEK_END)
        return file

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._path if number == 1 else f"{self._path}.{number - 1}"
            if os.path.exists(older):
                os.replace(older, f"{self._path}.{number}")
        self._file = self._open()


def note(file: RotatedFile, event: str, **details: object) -> None:
    """A line of the pump's own, in the same JSON shape as the services' lines."""
    stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = {"timestamp": stamp, "level": "info", "logger": "pump", "event": event, **details}
    file.write(json.dumps(line).encode() + b"\n")


def tell(message: dict[str, object]) -> None:
    """Answer the starter, if it is still there."""
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except OSError:
        # It has gone, as it does once the service is healthy; the log has the same facts.
        return


def copy(source: int, file: RotatedFile, process: subprocess.Popen[bytes]) -> None:
    """Copy the service's output until it ends."""
    selector = selectors.DefaultSelector()
    selector.register(source, selectors.EVENT_READ)
    deadline: float | None = None
    while deadline is None or time.monotonic() < deadline:
        if selector.select(timeout=0.5 if deadline is None else 0.05):
            chunk = os.read(source, CHUNK_BYTES)
            if not chunk:
                return
            file.write(chunk)
        elif deadline is None and process.poll() is not None:
            deadline = time.monotonic() + _DRAIN_SECONDS


def run(log: str, max_bytes: int, keep: int, command: list[str]) -> int:
    """Start the command and stay until it has ended; returns the pump's exit code."""
    # The starter ignores some signals, and what is ignored would stay so in the service.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    file = RotatedFile(log, max_bytes, keep)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own: whatever the service starts can be killed together with it.
            process_group=0,
        )
    except OSError as error:
        note(file, "could not be started", command=command, error=str(error))
        tell({"error": str(error)})
        return 1
    # From here on the pump ends when the service does, and not by a stray signal, which would break its output.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: process.terminate())
    note(file, "started", pid=process.pid, command=command)
    tell({"pid": process.pid})
    assert process.stdout is not None  # noqa: S101  (it was asked for above)
    copy(process.stdout.fileno(), file, process)
    status = process.wait()
    note(file, "ended", pid=process.pid, status=status)
    tell({"status": status})
    return 0


def main() -> int:
    """Read the arguments, wait for the starter's word, run."""
    parser = argparse.ArgumentParser(prog="pump", description="run a service and keep its output in rotated files")
    parser.add_argument("--log", required=True)
    parser.add_argument("--max-bytes", type=int, required=True)
    parser.add_argument("--keep", type=int, required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    if sys.stdin.readline() != "go\n":
        return 1
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 2)
    return run(arguments.log, arguments.max_bytes, arguments.keep, arguments.command)


if __name__ == "__main__":
    sys.exit(main())
