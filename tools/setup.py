"""`make setup`: everything that this checkout's commands need, and nothing twice.

Run as `python3 -m tools.setup` from the checkout. It makes the platform's environment (.venv), the services'
environment (app/.venv) and the engine; a step whose inputs have not changed since it was completed is passed over.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tools import engine_setup, uv
from tools.checkout import Checkout, fingerprint, locked
from tools.console import Step, duration
from tools.process import SetupError, environment, run

OLDEST_PYTHON = (3, 11)
SYNC_REMEDY = "If the lock is out of date run `uv lock` there; else see that PyPI can be reached, and run setup again."


def main() -> int:
    """Set the checkout up; 1 when it could not be."""
    checkout = Checkout.here()
    try:
        _refuse_old_python()
        sources = tuple(os.environ.get("AEX_ENGINE", " ".join(engine_setup.SOURCES)).split())
        start = time.monotonic()
        with locked(checkout.generated):
            news = set_up(checkout, sources)
    except SetupError as error:
        print(f"\nSetup failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSetup interrupted; run it again to go on.", file=sys.stderr)
        return 130
    if news:
        print(f"Set up in {duration(time.monotonic() - start)}.")
    return 0


def set_up(checkout: Checkout, sources: tuple[str, ...]) -> bool:
    """Do the steps that are not done; True if there were any."""
    todo = [folder for folder in (checkout.root, checkout.root / "app") if not _is_synced(checkout, folder)]
    engine_there = engine_setup.is_current(checkout, sources)
    if not todo and engine_there:
        return False
    print(f"Setting up {checkout.root}")
    if todo:
        with Step("uv") as step:
            program = uv.ensure(checkout, step)
        for folder in todo:
            with Step("platform (.venv)" if folder == checkout.root else "services (app/.venv)") as step:
                _sync(checkout, program, folder, step)
    if not engine_there:
        with Step("engine") as step:
            engine_setup.ensure(checkout, step, sources)
    return True


def _refuse_old_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        raise SetupError(
            f"{sys.executable} is Python {sys.version.split()[0]}; the platform needs 3.11 or newer",
            "Install a newer Python, and say which: `make setup PYTHON=python3.13`.",
        )


def _is_synced(checkout: Checkout, folder: Path) -> bool:
    python = folder / ".venv" / "bin" / "python"
    return python.exists() and checkout.is_current(_stamp(checkout, folder), _facts(checkout, folder))


def _facts(checkout: Checkout, folder: Path) -> str:
    # The platform's environment contains the services as a package in place, so their dependencies decide too.
    files = [folder / "pyproject.toml", folder / "uv.lock"]
    files += [checkout.root / "app" / "pyproject.toml"] if folder == checkout.root else []
    # An environment names its own place and interpreter.
    return fingerprint(files, str(folder), sys.version, os.path.realpath(sys.executable))


def _stamp(checkout: Checkout, folder: Path) -> str:
    return "platform" if folder == checkout.root else "services"


def _sync(checkout: Checkout, program: Path, folder: Path, step: Step) -> None:
    checkout.forget(_stamp(checkout, folder))
    env = environment(UV_PROJECT_ENVIRONMENT=None, VIRTUAL_ENV=None, UV_NO_PROGRESS="1")
    # Compiled once: where Python may not write, every process would compile a cloud's SDK again, for 20 s.
    command = [str(program), "sync", "--locked", "--compile-bytecode", "--python", sys.executable]
    run(command, cwd=folder, env=env, on_line=lambda line: step.progress(line.strip()), remedy=SYNC_REMEDY)
    checkout.complete(_stamp(checkout, folder), _facts(checkout, folder))
    step.result("installed as locked")


if __name__ == "__main__":
    sys.exit(main())
