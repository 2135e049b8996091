"""One small file per background process, written before the process starts: what the next `up` goes by.

The engine's state is written after a process has started; Ctrl-C, a closed terminal or a power cut in between would
leave a process that the state does not know. The record does. It names the checkout that wrote it, so that a copied
one (state included) never takes the original's processes for its own.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from infra.local.identity import Identity

CHECKOUT = Path(__file__).resolve().parents[2]
"""The checkout that this code runs from."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was started last for one process resource."""

    fingerprint: str
    """Hash of everything that the process was started with."""
    pump: Identity
    service: Identity | None
    """None until the service has been found healthy; until then it is the pump's only child."""


def record_path(folder: Path, name: str) -> Path:
    """Where the record of process `name` is kept, under the stack's folder."""
    return folder / "run" / f"{name}.json"


def load(folder: Path, name: str) -> Record | None:
    """The record of `name`; None if there is none, or it is unreadable, or was written for another checkout."""
    path = record_path(folder, name)
    try:
        raw = cast("dict[str, object]", json.loads(path.read_text()))
        if raw["owner"] != _owner(path):
            return None
        service = raw["service"]
        return Record(str(raw["fingerprint"]), _identity(raw["pump"]), _identity(service) if service else None)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        # An unreadable record names nobody; a process that it should have named is then seen by its port.
        return None


def of(folder: Path) -> dict[str, Record]:
    """All records under that folder, by name."""
    loaded = {path.stem: load(folder, path.stem) for path in sorted((folder / "run").glob("*.json"))}
    return {name: record for name, record in loaded.items() if record is not None}


def save(folder: Path, name: str, record: Record) -> None:
    """Write the record; readers see the old or the new one, never a part."""
    path = record_path(folder, name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"owner": _owner(path), **asdict(record)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def forget(folder: Path, name: str) -> None:
    """Remove the record of a process that is gone."""
    record_path(folder, name).unlink(missing_ok=True)


def _owner(path: Path) -> list[str]:
    # Both: a folder may be copied, and a copied checkout's state still names the original's folder.
    return [str(CHECKOUT), str(path.resolve())]


def _identity(raw: object) -> Identity:
    fields = cast("dict[str, object]", raw)
    command = cast("list[object]", fields["command"])
    return Identity(int(str(fields["pid"])), str(fields["started"]), tuple(str(word) for word in command))


__all__ = ["Record", "forget", "load", "of", "record_path", "save"]
