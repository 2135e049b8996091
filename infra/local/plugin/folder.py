"""`aex:local:Folder`: the folder of a stack, with the data, logs and records of its processes.

Only a folder that this checkout made, and marked as its own, is ever removed, and only when it was told not to keep it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

from infra.components.protocol import Change, Context, Created, Failure, PlainProperties, Resource, ResourceKind
from infra.local.plugin.inputs import flag, is_known, path, text
from infra.local.records import CHECKOUT

MARKER = ".agent-exchange-folder"
PARTS = ("data", "logs", "run", "secrets")
_ELSEWHERE = "set agent-exchange:local.directory to a folder that is empty or does not exist"


class FolderKind(ResourceKind):
    """Makes the folder; removes it with the stack if `keep` is false."""

    token = "aex:local:Folder"  # noqa: S105  (the name of a type)
    replace_on = frozenset({"path", "owner"})

    def check(self, inputs: PlainProperties) -> Iterable[Failure]:
        """The path must be absolute, and must not hold somebody else's files."""
        value = inputs.get("path")
        if not is_known(value):
            return
        if not isinstance(value, str) or not Path(value).is_absolute():
            yield Failure("path", "must be an absolute path")
            return
        place, owner = Path(value), inputs.get("owner")
        marked = _marked(place)
        if marked is None and place.exists() and (not place.is_dir() or any(place.iterdir())):
            yield Failure("path", f"{value} holds other files: {_ELSEWHERE}")
        elif marked is not None and is_known(owner) and marked.get("owner") != owner:
            yield Failure("path", f"{value} belongs to stack {marked.get('owner')}: {_ELSEWHERE}")

    def diff(self, resource: Resource, inputs: PlainProperties) -> Change:
        """The changed inputs; a folder that somebody has removed is a change too."""
        change = super().diff(resource, inputs)
        return change if _is_ours(resource.inputs) else replace(change, drifted=frozenset({"path"}))

    def create(self, context: Context, inputs: PlainProperties) -> Created:
        """Make it, readable by this user only, or use what an earlier stack of this checkout has kept."""
        _make(inputs)
        return Created(id=str(path(inputs, "path")), outputs=inputs)

    def read(self, context: Context, resource: Resource) -> PlainProperties | None:
        """None when it has been removed."""
        return resource.outputs if _is_ours(resource.inputs) else None

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Only remembers `keep`."""
        _make(inputs)
        return inputs

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it with everything in it, unless it is to be kept."""
        if not flag(resource.inputs, "keep") and _is_ours(resource.inputs):
            shutil.rmtree(path(resource.inputs, "path"))


def _make(inputs: PlainProperties) -> None:
    place = path(inputs, "path")
    for folder in (place, *(place / part for part in PARTS)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / MARKER).write_text(json.dumps(_mark(inputs)) + "\n")


def _mark(inputs: PlainProperties) -> dict[str, str]:
    # A copied checkout has the marker, too, but with the paths of the original.
    place = path(inputs, "path")
    return {"owner": text(inputs, "owner"), "checkout": str(CHECKOUT), "path": str(place.resolve())}


def _is_ours(inputs: PlainProperties) -> bool:
    return _marked(path(inputs, "path")) == _mark(inputs)


def _marked(place: Path) -> dict[str, object] | None:
    try:
        return cast("dict[str, object]", json.loads((place / MARKER).read_text()))
    except (OSError, ValueError):
        return None


__all__ = ["MARKER", "FolderKind"]
