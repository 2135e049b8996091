"""A hash of the code that one service runs: another hash is another deployment of that service, and of that one alone.

What counts is what the service can import: the shared `core` and `store`, its own package, and the locked dependencies.
Another service's package does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SHARED = ("aex/core", "aex/store")
_DEPENDENCIES = ("pyproject.toml", "uv.lock")


def code_hash(app: Path, package: str) -> str:
    """Hash of everything that the service in `aex/<package>` runs; `app` is the folder that holds `aex`."""
    digest = hashlib.sha256()
    for file in _relevant(app, package):
        digest.update(file.relative_to(app).as_posix().encode() + b"\0" + _file_hash(file) + b"\0")
    return digest.hexdigest()


def _relevant(app: Path, package: str) -> Iterator[Path]:
    yield from (app / name for name in _DEPENDENCIES)
    yield from sorted(path for path in (app / "aex").iterdir() if path.suffix == ".py")
    for folder in (*_SHARED, f"aex/{package}"):
        yield from sorted(path for path in (app / folder).rglob("*") if path.is_file() and _is_source(path))


def _is_source(path: Path) -> bool:
    # Neither what Python writes while it runs, nor what an editor keeps beside an open file.
    return "__pycache__" not in path.parts and not path.name.startswith(".") and not path.name.endswith("~")


@cache
def _file_hash(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


__all__ = ["code_hash"]
