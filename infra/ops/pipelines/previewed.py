"""Runs the engine's previews for the pipelines, and keeps what they said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from infra.ops.engine import CHECKOUT, environment
from infra.ops.summary import STREAM, Summary, summary


@dataclass(frozen=True, slots=True)
class Previewed:
    """How a preview ended."""

    code: int
    """The engine's exit code; a broken mandatory policy is a failure."""
    found: Summary


def previewed(stack: str, command: Sequence[str], *, offline_cloud: str | None = None) -> Previewed:
    """Run an engine command that writes events. With `offline_cloud`, against the stand-ins of that cloud."""
    if offline_cloud is None:
        full = ["pulumi", *command, "--json", "--non-interactive", "--stack", stack]
        env = environment(stack) | STREAM
    else:
        full = [
            sys.executable,
            "-m",
            "tools.offline",
            "--stack",
            stack,
            "--cloud",
            offline_cloud,
            "--json",
            *command[1:],
        ]
        env = {**os.environ, **STREAM}
    done = subprocess.run(full, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
    found = summary(done.stdout.splitlines())
    if done.returncode and not found.errors and not found.violations:
        found.errors.append(done.stderr.strip()[-4000:] or f"exit code {done.returncode}")
    return Previewed(done.returncode, found)


__all__ = ["Previewed", "previewed"]
