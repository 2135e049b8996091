"""What the operator's command knows of a deployment, on whatever cloud. Plain data; `as_json` writes any of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import cast

Json = dict[str, object]


@unique
class Verdict(StrEnum):
    """How a check of `doctor` ended."""

    OK = "ok"
    WARNING = "warning"
    """Works, but somebody should know."""
    FAILED = "failed"
    """A deployment, or this command, would fail."""
    SKIPPED = "skipped"
    """Could not be looked at; the detail says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`."""

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


@unique
class Health(StrEnum):
    """What the platform says of a service now."""

    HEALTHY = "healthy"
    DEPLOYING = "deploying"
    UNHEALTHY = "unhealthy"
    STOPPED = "stopped"
    """Nothing runs although something should."""
    MISSING = "missing"
    """The stack declares it and the cloud does not know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One line of `status`."""

    service: str
    revision: str = ""
    running: int | None = None
    """Instances that run; None where the cloud does not say."""
    desired: str = ""
    """How many should: a number, or a range."""
    health: Health
    digest: str = ""
    """Of the image (clouds), or a hash of the code (this machine)."""
    deployed: datetime | None = None
    """Time of the last deployment."""
    reason: str = ""
    """Why the last task stopped or the last revision failed."""


@dataclass(frozen=True, slots=True)
class Version:
    """Something that a service ran, or runs, and that one can go back to."""

    revision: str
    digest: str
    deployed: datetime | None
    current: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that holds data, and what a teardown does to it."""

    what: str
    name: str
    contents: str
    """What is in it now, as far as the cloud says."""
    kept: str
    """What stays of it after a teardown: a final snapshot, a time of waiting; empty when nothing does."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something with the stack's mark on it."""

    kind: str
    name: str
    waiting: str = ""
    """Why it is there for a while in nobody's way: "deleted on 2026-12-02"; empty when it should not be there."""


@dataclass(frozen=True, slots=True)
class StackResource:
    """One resource in the stack's state, without anything secret."""

    urn: str
    type: str
    id: str
    protect: bool
    custom: bool
    parent: str
    outputs: Mapping[str, object]

    @property
    def name(self) -> str:
        """The name in the program."""
        return self.urn.rpartition("::")[2]


def as_json(value: object) -> object:
    """`value` in what JSON knows: dataclasses become objects, times ISO texts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [as_json(each) for each in cast("Sequence[object]", value)]
    return value


__all__ = [
    "Finding",
    "Health",
    "Json",
    "Leftover",
    "Loss",
    "ServiceState",
    "StackResource",
    "Verdict",
    "Version",
    "as_json",
]
