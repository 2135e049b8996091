"""Which process a process id means: never signal one that only happens to have the same number.

An identity is the pid, when the process started, and its command line. Linux and macOS.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_POLL_SECONDS = 0.02
_EXEC_POLLS = 50


@dataclass(frozen=True, slots=True)
class Identity:
    """One process that runs or ran on this machine."""

    pid: int
    started: str
    """When it started, as a text that is only ever compared; see `_started`."""
    command: tuple[str, ...]


def identify(pid: int) -> Identity | None:
    """The identity of the process that has this pid now; None if there is none or it only waits to be reaped."""
    try:
        process = psutil.Process(pid)
        started = _started(process)
        command = tuple(process.cmdline())
        for _ in range(_EXEC_POLLS):
            # In the middle of an exec, a process has no command line for a moment; a zombie never has one again.
            if command or process.status() == psutil.STATUS_ZOMBIE:
                break
            time.sleep(_POLL_SECONDS)
            command = tuple(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
        # Somebody else's process: whatever it is, it is not one of ours.
        return None
    return Identity(pid, started, command) if command else None


def alive(identity: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid) == identity


def children(identity: Identity) -> list[Identity]:
    """The direct children of a process, without those that only wait to be reaped."""
    if not alive(identity):
        return []
    try:
        found = psutil.Process(identity.pid).children()
    except psutil.NoSuchProcess:
        return []
    return [child for child in (identify(process.pid) for process in found) if child]


def send(identity: Identity, number: signal.Signals, *, group: bool = False) -> bool:
    """Signal exactly this process (and, with `group`, the process group that it leads); False if it is gone."""
    with _pinned(identity.pid) as pinned:
        # Between this check and the signal the pid cannot come to mean another process where the system can pin it.
        if not alive(identity):
            return False
        try:
            if group and os.getpgid(identity.pid) == identity.pid:
                os.killpg(identity.pid, number)
            else:
                pinned(number)
        except ProcessLookupError:
            return False
    return True


def wait_gone(identity: Identity, seconds: float) -> bool:
    """Wait until the process has ended; False if it still runs after that time."""
    deadline = time.monotonic() + seconds
    while alive(identity):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


@contextmanager
def _pinned(pid: int) -> Generator[Callable[[signal.Signals], None]]:
    """A function that signals whoever had `pid` when this was entered."""
    if sys.platform != "linux":
        yield lambda number: os.kill(pid, number)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        # Gone (the caller's check will say so), or a kernel before 5.3.
        yield lambda number: os.kill(pid, number)
        return
    try:
        yield lambda number: signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def _started(process: psutil.Process) -> str:
    """A start time that stays the same for the whole life of the process.

    On Linux, psutil adds the time of the boot, which moves whenever the clock is set (after a suspended laptop wakes
    up, for one), so the kernel's own figure is used: ticks since the boot, with the boot's id. On macOS the kernel
    keeps the wall-clock time of the fork.
    """
    if sys.platform != "linux":
        return f"{process.create_time():.6f}"
    text = Path(f"/proc/{process.pid}/stat").read_text()
    # The second field is the program's name in parentheses and may hold anything; field 22 is the start time.
    ticks = text.rpartition(")")[2].split()[19]
    return f"{_BOOT_ID.read_text().strip()}+{ticks}"


__all__ = ["Identity", "alive", "children", "identify", "send", "wait_gone"]
