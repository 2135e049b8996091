"""Finding uv, or getting it: it installs the two locked environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import versions
from tools.checkout import Checkout, locked
from tools.console import Step
from tools.process import SetupError, run

OLDEST = (0, 9, 0)
WANTED = (0, 13, 9)
NETWORK_REMEDY = (
    "Setup needs PyPI (or a mirror that pip is configured for). If this machine has no network, install uv "
    f"{versions.show(OLDEST)} or newer by hand and put it on PATH."
)


def ensure(checkout: Checkout, step: Step) -> Path:
    """Give a uv that is new enough: the one on PATH, the cached one, or a fresh one from PyPI."""
    on_path = shutil.which("uv")
    if on_path and (versions.parse(_version(on_path)) or ()) >= OLDEST:
        step.result(f"{_version(on_path)} on PATH")
        return Path(on_path)
    cached = checkout.cache / "uv" / versions.show(WANTED)
    with locked(checkout.cache, step):
        if not (cached / "uv").exists():
            step.progress("installing from PyPI")
            _install(cached)
    step.result(f"uv {versions.show(WANTED)}")
    return cached / "uv"


def _version(program: str) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()


def _install(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    wanted = f"uv=={versions.show(WANTED)}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        pip, program = _pip(Path(folder))
        run([*pip, "--quiet", "--disable-pip-version-check", wanted], remedy=NETWORK_REMEDY)
        staged = Path(folder, "ready")
        staged.mkdir()
        shutil.copy2(program, staged / "uv")
        run([str(staged / "uv"), "--version"], remedy=NETWORK_REMEDY)
        staged.rename(target)


def _pip(folder: Path) -> tuple[list[str], Path]:
    """Give a pip command that installs under a folder, and where uv will be: best in a virtual environment."""
    venv = folder / "venv"
    if not _make_venv(venv) and os.geteuid() == 0 and shutil.which("apt-get"):
        run(["apt-get", "update"], remedy="Let apt-get reach a Debian mirror.")
        run(["apt-get", "install", "--yes", "python3-venv"], remedy="Let apt-get install python3-venv.")
        _make_venv(venv)
    if (venv / "bin" / "pip").exists():
        return [str(venv / "bin" / "pip"), "install"], venv / "bin" / "uv"
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip", "install", "--target", str(folder / "pip")], folder / "pip" / "bin" / "uv"
    raise SetupError(
        f"{sys.executable} has neither venv nor pip, and uv is not on PATH",
        "On Debian and Ubuntu: `sudo apt-get install python3-venv`. Or install uv (https://docs.astral.sh/uv/).",
    )


def _make_venv(folder: Path) -> bool:
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], capture_output=True, check=False)
    return made.returncode == 0
