"""Where a Pulumi program's Python is, and what is installed for it. Knows nothing of the protocol."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Project:
    """What decides about a program's Python: the folder of its Pulumi.yaml, and `runtime.options` in it."""

    root: Path
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProviderPlugin:
    """A provider plugin that an installed SDK is made for; `server` is empty for the usual download address."""

    name: str
    version: str
    server: str


def interpreter(project: Project) -> Path:
    """Find a program's interpreter: the virtual environment its project names, uv's `.venv`, or our own."""
    folder = project.options.get("virtualenv") or (".venv" if project.options.get("toolchain") == "uv" else "")
    if not folder:
        return Path(sys.executable)
    return project.root / folder / "bin" / "python"


def environment(python: Path) -> dict[str, str]:
    """Give our own environment with the interpreter's virtual environment activated in it."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    env["VIRTUAL_ENV"] = str(python.parent.parent)
    env["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    return env


def provider_plugins(python: Path) -> Iterator[ProviderPlugin]:
    """Read the `pulumi-plugin.json` of every SDK beside an interpreter; packages without a provider are passed over."""
    for file in sorted(_site_packages(python).glob("*/pulumi-plugin.json")):
        said: dict[str, object] = json.loads(file.read_text())
        if said.get("resource"):
            yield ProviderPlugin(
                name=str(said.get("name") or file.parent.name.removeprefix("pulumi_")),
                version=str(said.get("version", "")),
                server=str(said.get("server", "")),
            )


def distributions(python: Path, *, only_direct: bool) -> list[tuple[str, str]]:
    """List what is installed beside an interpreter as (name, version); `only_direct`: what nothing else requires."""
    found = {
        _canonical(each.name): each for each in importlib.metadata.distributions(path=[str(_site_packages(python))])
    }
    required: set[str] = set()
    if only_direct:
        for each in found.values():
            required |= {_canonical(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in each.requires or ()}
    return [(each.name, each.version) for name, each in sorted(found.items()) if name not in required]


def _site_packages(python: Path) -> Path:
    return next(python.parent.parent.glob("lib/python3*/site-packages"), Path(os.devnull))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
