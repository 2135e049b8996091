"""Running other programs, and errors that say what to do about them."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TAIL_LINES = 25


class SetupError(Exception):
    """Something that the person at the keyboard can put right; the remedy says how."""

    def __init__(self, problem: str, remedy: str, detail: str = "") -> None:
        """Take what is wrong, what to do, and what a failed program said."""
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        """Give all of it, ready to print."""
        said = "".join(f"\n    | {line}" for line in self.detail.splitlines())
        return f"{self.problem}{said}\n  → {self.remedy}"


def run(
    command: Sequence[str],
    *,
    remedy: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run a command to its end and return what it said (both streams); raise SetupError if it fails.

    `on_line` sees every line as it comes. `remedy` completes the error.
    """
    lines: list[str] = []
    try:
        with subprocess.Popen(
            command,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as child:
            assert child.stdout is not None  # noqa: S101 - it was asked for as a pipe
            for line in child.stdout:
                lines.append(line)
                if on_line:
                    on_line(line.rstrip())
    except OSError as error:
        raise SetupError(f"{command[0]} cannot be started: {error.strerror}", remedy) from error
    if child.returncode:
        tail = "".join(deque(lines, TAIL_LINES))
        raise SetupError(f"`{' '.join(command)}` failed with exit code {child.returncode}", remedy, tail)
    return "".join(lines)


def environment(**changes: str | None) -> dict[str, str]:
    """Give this process's environment with some variables set, or with None removed."""
    env = dict(os.environ)
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env
