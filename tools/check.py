"""`make test`: sets the checkout up and runs every check, then says what each took and which failed.

A failed check does not hide the ones after it, but nothing follows a failed setup. `--fast` leaves out tests that run
the engine or start processes; `--deep` adds the longer sweeps; what follows `--` goes to pytest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from tools import stack
from tools.checkout import Checkout
from tools.console import duration

# Two workers, whole files each: what the tests of a file share (a deployed stack, a server) is made once. In the order
# of the files, so that the long ones are not all left to the end.
WORKERS = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
SELECTIONS = {"fast": "not engine and not processes and not deep", "usual": "not deep", "deep": ""}


@dataclass(frozen=True, slots=True)
class Part:
    """One check: what it is called and its command."""

    name: str
    command: list[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a check ended, and how long it took in seconds."""

    name: str
    code: int
    seconds: float


def parts(checkout: Checkout, selection: str, pytest: list[str]) -> list[Part]:
    """List the checks, the quick ones first; a test run that names tests is only that."""
    tools = checkout.python.parent
    tests = [str(checkout.python), "-m", "pytest", *WORKERS, "-m", SELECTIONS[selection]]
    run = Part("tests", [*tests, *pytest])
    if pytest:
        return [run]
    return [
        Part("format", [str(tools / "ruff"), "format", "--check", "."]),
        Part("lint", [str(tools / "ruff"), "check", "."]),
        Part("imports", [str(tools / "lint-imports")]),
        Part("types", [str(tools / "basedpyright")]),
        Part("workflows", [str(checkout.python), "-m", "tools.workflows"]),
        run,
    ]


def main() -> int:
    """Run the checks; 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.check", description=__doc__)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--fast", dest="selection", action="store_const", const="fast", default="usual")
    amount.add_argument("--deep", dest="selection", action="store_const", const="deep")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after `--`")
    arguments = parser.parse_args()
    checkout = Checkout.here()
    env = {**os.environ, "PATH": stack.changes(checkout, "")["PATH"], "PULUMI_SKIP_UPDATE_CHECK": "true"}
    outcomes = [_run(Part("setup", [sys.executable, "-m", "tools.setup"]), checkout, env)]
    if outcomes[0].code == 0:
        outcomes += [_run(part, checkout, env) for part in parts(checkout, arguments.selection, arguments.pytest)]
    print(table(outcomes))
    return 1 if any(outcome.code for outcome in outcomes) else 0


def table(outcomes: list[Outcome]) -> str:
    """Write what each check took, and how it ended."""
    lines = ["", "check      time            result"]
    for outcome in outcomes:
        result = "passed" if outcome.code == 0 else f"FAILED (exit code {outcome.code})"
        lines.append(f"{outcome.name:<10} {duration(outcome.seconds):<15} {result}")
    lines.append(f"{'total':<10} {duration(sum(outcome.seconds for outcome in outcomes))}")
    return "\n".join(lines)


def _run(part: Part, checkout: Checkout, env: dict[str, str]) -> Outcome:
    print(f"\n── {part.name} ──", flush=True)
    start = time.monotonic()
    code = subprocess.run(part.command, cwd=checkout.root, env=env, check=False).returncode
    return Outcome(part.name, code, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
