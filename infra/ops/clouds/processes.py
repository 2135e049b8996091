"""Commands of this machine that the operator's tools run: told line by line, or given the terminal."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.ops.clouds.cloud import Say
from infra.ops.faults import Unreachable


def told(command: Sequence[str], folder: Path, env: Mapping[str, str], say: Say) -> int:
    """Runs a command, hands over each line as it comes, and gives the exit code."""
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    ) as child:
        for line in child.stdout or ():
            say(line.rstrip("\n"))
        return child.wait()


def on_terminal(command: Sequence[str]) -> int:
    """Runs a command on our terminal. Raises `Unreachable` when there is no such program."""
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        raise Unreachable(
            f"{command[0]} is not on PATH", f"Install it; `aexctl doctor` says what it is for ({command[0]})."
        ) from None


__all__ = ["on_terminal", "told"]
