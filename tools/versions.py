"""Which versions this checkout wants, read from the files that decide about them."""

from __future__ import annotations

import re
from pathlib import Path

Version = tuple[int, ...]
ENGINE_MODULE = "github.com/pulumi/pulumi/pkg/v3"


def parse(text: str) -> Version | None:
    """Find the first dotted number in a text (`v3.274.1`, `uv 0.13.9 (...)`, `go version go1.26.8`), or None."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def show(version: Version) -> str:
    """Write a version with dots."""
    return ".".join(map(str, version))


def engine_version(root: Path) -> Version:
    """Read which engine is built or downloaded: the one that the tool module requires."""
    text = (root / "tools" / "engine" / "go.mod").read_text()
    found = re.search(rf"{re.escape(ENGINE_MODULE)} v([\d.]+)", text)
    version = parse(found.group(1)) if found else None
    if version is None:
        raise ValueError(f"tools/engine/go.mod does not require {ENGINE_MODULE}")
    return version


def sdk_version(root: Path) -> Version:
    """Read the locked version of the Python SDK: an engine that is there already must be at least as new."""
    # By pattern: parsing the whole lock would take longer than everything else that an idle setup does.
    found = re.search(r'^name = "pulumi"\nversion = "([^"]+)"$', (root / "uv.lock").read_text(), re.MULTILINE)
    version = parse(found.group(1)) if found else None
    if version is None:
        raise ValueError("uv.lock does not lock pulumi")
    return version


def go_version(root: Path) -> Version:
    """Read which Go the engine needs."""
    found = re.search(r"^go ([\d.]+)$", (root / "tools" / "engine" / "go.mod").read_text(), re.MULTILINE)
    version = parse(found.group(1)) if found else None
    if version is None:
        raise ValueError("tools/engine/go.mod names no Go version")
    return version
