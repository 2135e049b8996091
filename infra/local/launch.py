"""Starting a pump with its service in the background: own session, clean environment, nothing kept open.

Owns the starter's side of the protocol that `pump.py` describes.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

PUMP = Path(__file__).with_name("pump.py")

LOG_BYTES = 4 * 1024 * 1024
LOG_FILES_KEPT = 3
"""With the one being written: at most 16 MiB for a service, 160 MiB for the exchange, however long it runs."""

INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What a service gets from the shell that ran `up`. Nothing else: it must not run differently because of who started
it, and the shell holds secrets (cloud credentials, the passphrase of the state) that are none of its business."""


class Pump:
    """A pump that was spawned here, and what it has told so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Wrap a pump that waits for the word to start."""
        self._process = process
        self._buffer = b""
        self.service: int | None = None
        """Pid of the service, once it runs."""
        self.status: int | None = None
        """How the service ended: its exit code, or a signal's number as a negative one."""
        self.error: str | None = None
        """Why the service could not be started."""

    @property
    def pid(self) -> int:
        """Pid of the pump itself."""
        return self._process.pid

    def release(self) -> None:
        """Let the pump start its service."""
        assert self._process.stdin is not None  # noqa: S101  (spawn asks for it)
        try:
            self._process.stdin.write(b"go\n")
            self._process.stdin.close()
        except BrokenPipeError:
            self.error = "its log pump ended at once"

    def listen(self) -> None:
        """Take in what the pump has told since the last time, without waiting."""
        assert self._process.stdout is not None  # noqa: S101  (spawn asks for it)
        descriptor = self._process.stdout.fileno()
        while select.select([descriptor], [], [], 0)[0]:
            chunk = os.read(descriptor, 4096)
            if not chunk:
                self._ended()
                return
            self._buffer += chunk
            *lines, self._buffer = self._buffer.split(b"\n")
            for line in lines:
                self._take(cast("dict[str, object]", json.loads(line)))

    def close(self) -> None:
        """Stop listening. The pump lives on with its service; one that has ended is reaped."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        _unreaped.append(self._process)
        _unreaped[:] = [process for process in _unreaped if process.poll() is None]

    def _take(self, message: dict[str, object]) -> None:
        match message:
            case {"pid": int(pid)}:
                self.service = pid
            case {"status": int(status)}:
                self.status = status
            case _:
                self.error = str(message.get("error", message))

    def _ended(self) -> None:
        if self.status is None and self.error is None:
            code = self._process.wait()
            self.error = f"its log pump ended with exit code {code}"


_unreaped: list[subprocess.Popen[bytes]] = []
"""Children of this process, kept so that ended ones can be reaped and Python does not warn about running ones."""


def spawn(command: tuple[str, ...], directory: Path, environment: Mapping[str, str], log: Path) -> Pump:
    """A pump that waits for `release`. It survives this process, but leaves if this process dies before the release."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The base interpreter, not the venv's: the pump needs no package, and starts in half the time without `site`.
    interpreter = getattr(sys, "_base_executable", None) or sys.executable
    process = subprocess.Popen(
        [
            *(str(interpreter), "-I", "-S", str(PUMP)),
            *("--log", str(log), "--max-bytes", str(LOG_BYTES), "--keep", str(LOG_FILES_KEPT), "--"),
            *command,
        ],
        cwd=directory,
        env={key: os.environ[key] for key in INHERITED if key in os.environ} | dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Pump(process)


__all__ = ["LOG_BYTES", "LOG_FILES_KEPT", "PUMP", "Pump", "spawn"]
