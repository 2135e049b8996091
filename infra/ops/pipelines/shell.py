"""Other programs that the pipelines call: GitHub's `gh`, and `skopeo`, both on every hosted runner."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from infra.ops.faults import OpsError, Unreachable

_SECONDS: Final = 900
"""Longer than ten images of 100 MB take between two registries."""
_SOURCES: Final = {
    "pulumi": "Run `make setup`, which brings one.",
    "gh": "Install GitHub's command line: https://cli.github.com",
    "skopeo": "Install skopeo (`apt-get install skopeo`, `brew install skopeo`).",
}


def ask(*command: str, text: str | None = None, env: Mapping[str, str] | None = None) -> str:
    """What the command writes; `text` is what it reads. Raises `OpsError` with what it complained about."""
    try:
        done = subprocess.run(
            command, input=text, env=env, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise Unreachable(f"there is no {command[0]}", _SOURCES[command[0]]) from None
    if done.returncode:
        raise OpsError(f"`{' '.join(command[:4])} ...` failed: {done.stderr.strip()}", "Run the command by hand.")
    return done.stdout


def github(path: str, *options: str, body: object = None) -> object:
    """The JSON that GitHub's API answers under `path`, in which `{owner}/{repo}` is the workflow's repository."""
    command: Sequence[str] = ["gh", "api", path, *options]
    if body is None:
        return _parsed(ask(*command))
    return _parsed(ask(*command, "--input", "-", text=json.dumps(body)))


def _parsed(text: str) -> object:
    return json.loads(text) if text.strip() else None


__all__ = ["ask", "github"]
