"""The engine's own command, called for a stack: its outputs, its state, its config, and what changes it.

Owns how `pulumi` is found and told where the state is. Reads and changes a stack only through it, so that the engine
stays the truth.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from infra.ops.faults import Unreachable
from infra.ops.model import StackResource

CHECKOUT: Final = Path(__file__).resolve().parents[2]
LOCAL: Final = "local"
_SECONDS: Final = 120


def environment(stack: str) -> dict[str, str]:
    """The variables that `pulumi` needs for `stack`: the local stack keeps its state in the checkout."""
    found = {
        **os.environ,
        "PATH": os.pathsep.join([str(CHECKOUT / ".aex" / "bin"), os.environ.get("PATH", os.defpath)]),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if stack == LOCAL:
        found |= {
            # As make has it; tools/checkout.py says what the query is for.
            "PULUMI_BACKEND_URL": f"file://{CHECKOUT / '.aex' / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
    else:
        # As make has it: operations on a cloud wait for it, not for this machine's cores.
        found.setdefault("PULUMI_PARALLEL", "32")
    return found


def read(stack: str, *arguments: str) -> str:
    """What `pulumi <arguments>` writes. Raises `Unreachable` when it fails, with what it said."""
    command = ["pulumi", *arguments, "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=environment(stack),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise Unreachable("pulumi is not on PATH", "Run `make setup`, which brings one.") from None
    except subprocess.TimeoutExpired:
        raise Unreachable(
            f"`{shlex.join(command)}` did not end within {_SECONDS} s", "See that its backend can be reached."
        ) from None
    if done.returncode:
        raise Unreachable(f"stack {stack} cannot be read: {_said(done.stderr)}", _remedy(stack, done.stderr))
    return done.stdout


def run(stack: str, *arguments: str, aside: bool = False) -> int:
    """Runs `pulumi <arguments>` on the terminal and gives its exit code. Ctrl-C is the engine's to end by.

    With `aside` what it says goes to standard error, so that standard output has a result alone.
    """
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        with subprocess.Popen(
            ["pulumi", *arguments, "--stack", stack],  # noqa: S607  (found on the PATH that is passed)
            cwd=CHECKOUT,
            env=environment(stack),
            stdout=sys.stderr if aside else None,
        ) as child:
            return child.wait()
    except FileNotFoundError:
        raise Unreachable("pulumi is not on PATH", "Run `make setup`, which brings one.") from None
    finally:
        signal.signal(signal.SIGINT, before)


def outputs(stack: str) -> dict[str, Mapping[str, object]]:
    """The outputs of `stack`, secrets in clear: `{<cloud>: {...}}`; empty before its first deployment."""
    text = read(stack, "stack", "output", "--json", "--show-secrets")
    return cast("dict[str, Mapping[str, object]]", json.loads(text))


def state(stack: str) -> list[StackResource]:
    """What the engine believes to exist, secrets left out."""
    exported = cast("Mapping[str, object]", json.loads(read(stack, "stack", "export")))
    deployment = cast("Mapping[str, object]", exported.get("deployment") or {})
    return [_resource(each) for each in cast("Sequence[Mapping[str, object]]", deployment.get("resources") or [])]


def _resource(raw: Mapping[str, object]) -> StackResource:
    return StackResource(
        urn=str(raw["urn"]),
        type=str(raw["type"]),
        id=str(raw.get("id") or ""),
        protect=bool(raw.get("protect")),
        custom=bool(raw.get("custom")),
        parent=str(raw.get("parent") or ""),
        outputs=cast("Mapping[str, object]", raw.get("outputs") or {}),
    )


def _said(text: str) -> str:
    lines = [line.strip().removeprefix("error: ") for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "the engine says nothing"


def _remedy(stack: str, said: str) -> str:
    if "no stack named" in said:
        return f"Deploy it first (`make up STACK={stack}`), or name another: `pulumi stack ls` lists them."
    if "passphrase" in said:
        return "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the stack's passphrase."
    if "PULUMI_ACCESS_TOKEN" in said or "not logged in" in said or "pulumi login" in said:
        return "Log in to the backend that holds the state: `pulumi login <address>` (bootstrap's output `backend`)."
    return f"Look with `pulumi stack --stack {stack}`; `pulumi login` says which backend is asked."


__all__ = ["CHECKOUT", "LOCAL", "environment", "outputs", "read", "run", "state"]
