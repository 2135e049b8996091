"""Removes locks of a state folder on this machine whose holder has died.

Pulumi locks a stack in its state for the time of an `up`. A closed terminal, a power cut or a second Ctrl-C ends it
without giving it the chance to unlock, and every later `up` is refused until somebody runs `pulumi cancel`, which also
breaks the lock of an `up` that is alive. A lock says which process on which machine holds it; where that is known to
have ended, nobody needs to be asked. `make up` runs this first: `python -m infra.local.locks <state folder>`.

Locks of state in a bucket are never touched: their holder may be anywhere.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import psutil

_CLOCK_SECONDS = 5.0
"""How much the start of the holder may seem to be after the lock was taken, since the clock may have been set."""


def remove_stale(state: Path) -> list[Path]:
    """Remove the locks under `state` (the folder of a `file://` backend) whose holder has died, and return them."""
    stale = [lock for lock in sorted((state / ".pulumi" / "locks").glob("**/*.json")) if _is_stale(lock)]
    for lock in stale:
        lock.unlink(missing_ok=True)
    return stale


def _is_stale(lock: Path) -> bool:
    try:
        content = cast("dict[str, object]", json.loads(lock.read_text()))
        pid, host = int(str(content["pid"])), content["hostname"]
        taken = datetime.fromisoformat(_six_digits(str(content["timestamp"]))).timestamp()
    except (OSError, ValueError, KeyError, TypeError):
        # Not a lock that this version of Pulumi writes: left to the user, whom `pulumi cancel` asks.
        return False
    return host == socket.gethostname() and not any(_may_hold(process, taken) for process in _process(pid))


def _process(pid: int) -> Iterator[psutil.Process]:
    try:
        yield psutil.Process(pid)
    except psutil.NoSuchProcess:
        return


def _may_hold(process: psutil.Process, taken: float) -> bool:
    """Whether the process can be the one that took the lock, and not one that got its number later."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() <= taken + _CLOCK_SECONDS and "pulumi" in process.name()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _six_digits(stamp: str) -> str:
    # Go writes nanoseconds, which Python's parser reads from 3.12 on only with some lengths.
    head, dot, rest = stamp.partition(".")
    if not dot:
        return stamp
    digits = rest.rstrip("Z").split("+")[0].split("-")[0]
    return f"{head}.{digits[:6]:0<6}{rest[len(digits) :]}"


def main() -> int:
    """The command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m infra.local.locks <folder of the state>\n")
        return 2
    for lock in remove_stale(Path(sys.argv[1])):
        sys.stdout.write(f"removed the lock of an interrupted deployment: {lock}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())


__all__ = ["remove_stale"]
