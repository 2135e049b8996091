"""The checks of `doctor` that every cloud shares: the programs on this machine, and the engine's backend."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from infra.config.general import ImageSource
from infra.ops import engine
from infra.ops.clouds.cloud import Place
from infra.ops.faults import Unreachable
from infra.ops.model import Finding, Verdict

_OLDEST_PULUMI: Final = (3, 272)
"""The version of the SDK in pyproject.toml: an older engine does not know everything that it asks for."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that something here needs."""

    name: str
    what_for: str
    remedy: str
    needed: bool = True
    """Whether a deployment fails without it."""


DOCKER: Final = Tool(
    "docker",
    "builds the images",
    "Install Docker, or deploy images that exist: `image.source: prebuilt` with `image.digests`.",
)


def tools(place: Place, more: Sequence[Tool]) -> Iterator[Finding]:
    """pulumi, Docker where images are built here, and `more`."""
    wanted = list(more)
    if place.settings.image.source is ImageSource.BUILD and place.stack != engine.LOCAL:
        wanted.insert(0, DOCKER)
    path = engine.environment(place.stack)["PATH"]
    yield _pulumi(path)
    for tool in wanted:
        found = shutil.which(tool.name, path=path)
        if found:
            yield Finding(tool.name, Verdict.OK, f"{found}, {tool.what_for}")
        else:
            verdict = Verdict.FAILED if tool.needed else Verdict.WARNING
            yield Finding(tool.name, verdict, f"is not on PATH; it {tool.what_for}", tool.remedy)


def backend(place: Place) -> Iterator[Finding]:
    """Whether the engine is logged in, and whether the stack exists."""
    try:
        engine.read(place.stack, "stack", "export")
    except Unreachable as error:
        if "no stack named" in error.what:
            yield Finding(
                "stack",
                Verdict.WARNING,
                f"{place.stack} does not exist yet in this backend",
                f"`make up STACK={place.stack}` makes it" if place.stack == engine.LOCAL else _INIT.format(place.stack),
            )
        else:
            yield Finding("state", Verdict.FAILED, error.what, error.remedy)
        return
    count = sum(each.custom for each in place.state)
    yield Finding("stack", Verdict.OK, f"{place.stack} can be read; it has {count} resources")


_INIT: Final = "`pulumi stack init {0} --secrets-provider ...`: the cloud's page in docs/ has the whole line"


def _pulumi(path: str) -> Finding:
    found = shutil.which("pulumi", path=path)
    if found is None:
        return Finding("pulumi", Verdict.FAILED, "is not on PATH", "Run `make setup`, which brings one.")
    said = subprocess.run([found, "version"], capture_output=True, text=True, check=False, timeout=60).stdout.strip()
    match = re.match(r"v?(\d+)\.(\d+)", said)
    if match is None or (int(match[1]), int(match[2])) < _OLDEST_PULUMI:
        oldest = ".".join(str(part) for part in _OLDEST_PULUMI)
        return Finding(
            "pulumi", Verdict.FAILED, f"{said or found} is older than {oldest}", "Run `make setup`, which brings one."
        )
    return Finding("pulumi", Verdict.OK, f"{said}, {found}")


__all__ = ["DOCKER", "Tool", "backend", "tools"]
