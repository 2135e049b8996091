"""Finding a Go that can build the engine. Go 1.21 and newer fetch by themselves the toolchain that a module needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools import versions
from tools.process import SetupError, environment, run

FETCHES_TOOLCHAINS = (1, 21, 0)
USUAL_PLACES = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/opt/homebrew/bin/go")


@dataclass(frozen=True, slots=True)
class Go:
    """A Go command and the environment to build in."""

    program: str
    env: dict[str, str]


def find(needed: versions.Version) -> Go:
    """Give a Go that builds a module which needs that version, or raise SetupError with what to install."""
    program = _program() or (_from_debian() and _program())
    if not program:
        raise SetupError(
            "Pulumi is not installed, its release cannot be downloaded, and there is no Go to build it with",
            f"Install one of: Pulumi (https://www.pulumi.com/docs/install/), or Go {versions.show(FETCHES_TOOLCHAINS)} "
            "or newer (https://go.dev/dl/).",
        )
    version = local_version(program)
    if version < FETCHES_TOOLCHAINS:
        raise SetupError(
            f"{program} is Go {versions.show(version)}, too old to build the engine or to fetch a newer Go",
            f"Install Go {versions.show(FETCHES_TOOLCHAINS)} or newer (https://go.dev/dl/; on Debian 12 golang-go from "
            "bookworm-backports).",
        )
    return Go(program, build_environment(fetch=version < needed))


def build_environment(*, fetch: bool) -> dict[str, str]:
    """Give an environment for a reproducible build: no C compiler, no workspace, no flags of the user's."""
    return environment(
        CGO_ENABLED="0",
        GOFLAGS=None,
        GOWORK="off",
        GOTOOLCHAIN="auto" if fetch else "local",
        GOOS=None,
        GOARCH=None,
    )


def local_version(program: str) -> versions.Version:
    """Ask a Go for its own version, not for that of a toolchain which it would switch to."""
    said = subprocess.run(
        [program, "version"], env=environment(GOTOOLCHAIN="local"), capture_output=True, text=True, check=False
    ).stdout
    return versions.parse(said) or (0, 0, 0)


def _program() -> str | None:
    return shutil.which("go") or next((place for place in USUAL_PLACES if Path(place).exists()), None)


def _from_debian() -> bool:
    """As root on a Debian whose Go is new enough, install it."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    offered = subprocess.run(["apt-cache", "policy", "golang-go"], capture_output=True, text=True, check=False).stdout
    candidate = next((line for line in offered.splitlines() if "Candidate:" in line), "")
    if (versions.parse(candidate) or ()) < FETCHES_TOOLCHAINS:
        return False
    run(["apt-get", "install", "--yes", "--no-install-recommends", "golang-go"], remedy="Install Go by hand.")
    return True
