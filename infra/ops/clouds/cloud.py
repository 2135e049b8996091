"""What every cloud can be asked, and what it needs to know of the stack. Commands know this and nothing else.

Owns the shape. `local.py`, `aws.py` and `gcp.py` are the three that have it; `open_clouds` gives those of a stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Final, Protocol, cast

from infra.components.catalog import CATALOG
from infra.config import Cloud as CloudName
from infra.config import Settings
from infra.ops import config_file, engine
from infra.ops.config_file import Edit
from infra.ops.faults import Unreachable, UsageFault
from infra.ops.model import Finding, Leftover, Loss, ServiceState, StackResource, Version

Say = Callable[[str], None]
"""Takes a line of progress, or of a log."""


@dataclass(frozen=True)
class Place:
    """A stack: what its config says, what it put out, and what the engine knows. The last two are read when needed."""

    stack: str
    settings: Settings
    config: Mapping[str, object]
    """The whole config with full keys, for the providers' own."""

    @cached_property
    def outputs(self) -> Mapping[str, Mapping[str, object]]:
        """The outputs of all clouds. Raises `Unreachable` where the stack does not exist."""
        return engine.outputs(self.stack)

    @cached_property
    def state(self) -> Sequence[StackResource]:
        """What the engine believes to exist; nothing for a stack that does not exist yet."""
        return engine.state(self.stack)

    def output(self, cloud: str, name: str) -> str:
        """One output of a cloud. Raises `Unreachable` before the first whole deployment."""
        value = self.outputs.get(cloud, {}).get(name)
        if not isinstance(value, str):
            raise Unreachable(
                f"stack {self.stack} has no output {cloud}.{name}", f"Deploy it: `make up STACK={self.stack}`."
            )
        return value

    def known(self, *types: str) -> set[str]:
        """Ids of the stack's resources of these types; none where there is no stack yet."""
        try:
            return {each.id for each in self.state if each.type in types and each.id}
        except Unreachable:
            return set()


class Cloud(Protocol):
    """One place where a stack's exchange runs."""

    name: str

    def doctor(self) -> Iterator[Finding]:
        """Whether a deployment would work from here; one finding after the other, as they come."""
        ...

    def status(self) -> list[ServiceState]:
        """The ten services, in the catalog's order."""
        ...

    def logs_command(self, service: str, *, follow: bool) -> list[str]:
        """The cloud's own command that shows a service's log."""
        ...

    def exec_command(self, service: str) -> list[str]:
        """The cloud's own command that opens a shell. Raises `UsageFault` with the switch that it needs."""
        ...

    def versions(self, service: str) -> list[Version]:
        """What the service runs and has run, the newest first."""
        ...

    def go_to(self, targets: Mapping[str, Version]) -> list[Edit]:
        """The edits of the config that make each service run its version."""
        ...

    def go_on(self, services: Sequence[str], percent: int) -> list[Edit]:
        """The edits that give the newest revisions this share of the requests; 100 ends a rollback or a trial."""
        ...

    def scale(self, service: str, *, fixed: int | None, minimum: int | None, maximum: int | None) -> list[Edit]:
        """The edits that set how many instances there are; without any number, the catalog's own again."""
        ...

    def restart(self, service: str, token: str) -> list[Edit]:
        """The edits that make the next deployment start the service anew; none where `end` makes it do so."""
        ...

    def end(self, services: Sequence[str]) -> list[str]:
        """Ends what runs of them now, so that the next deployment starts it; says what. Nothing where edits do it."""
        ...

    def export_path(self, name: str) -> str:
        """Where the operation finds or leaves an export of this name. Raises `UsageFault` for a name that cannot be."""
        ...

    def fetch_command(self, name: str) -> list[str] | None:
        """The cloud's own command that brings an export here; None where it is here already."""
        ...

    def operate(self, arguments: Sequence[str], say: Say) -> int:
        """Runs `python -m aex <arguments>` where the data is, tells its log line by line; gives its exit code."""
        ...

    def headers(self) -> Mapping[str, str]:
        """What a request to the gateway needs besides the exchange's own key."""
        ...

    def losses(self) -> list[Loss]:
        """Everything that holds data."""
        ...

    def obstacles(self) -> list[str]:
        """What would make a teardown fail, and whose it is; each with what to do."""
        ...

    def make_way(self) -> Iterator[str]:
        """Ends and empties what would block a teardown; says what it did."""
        ...

    def leftovers(self) -> list[Leftover]:
        """Everything that still has the stack's mark."""
        ...


_CLASSES: Final = {CloudName.LOCAL: "Local", CloudName.AWS: "Aws", CloudName.GCP: "Gcp"}


def place_of(stack: str) -> Place:
    """What is known of a stack without asking anybody. Raises `UsageFault` for a config that cannot be used."""
    return Place(stack, config_file.settings_of(stack), config_file.values(stack))


def open_clouds(place: Place, only: str | None = None) -> list[Cloud]:
    """The clouds of the stack, or the one called `only`. A cloud's library is loaded when it is opened."""
    names = [name for name in place.settings.clouds if only in (None, name.value)]
    if not names:
        there = ", ".join(name.value for name in place.settings.clouds)
        raise UsageFault(f"stack {place.stack} is not on {only}", f"It is on {there}: leave --cloud out, or name one.")
    return [_opened(name, place) for name in names]


def one_cloud(place: Place, only: str | None = None) -> Cloud:
    """The stack's only cloud, or the one called `only`."""
    clouds = open_clouds(place, only)
    if len(clouds) > 1:
        names = " and ".join(cloud.name for cloud in clouds)
        raise UsageFault(f"stack {place.stack} is on {names}", f"Say which: `--cloud {clouds[0].name}`.")
    return clouds[0]


def service_named(text: str) -> str:
    """The catalog's name of a service, with or without `aex-`. Raises `UsageFault` with the names."""
    for name in CATALOG.names:
        if text in (name, name.removeprefix("aex-")):
            return name
    raise UsageFault(f"there is no service {text!r}", f"One of: {', '.join(CATALOG.names)}.")


def _opened(name: CloudName, place: Place) -> Cloud:
    opened = getattr(import_module(f"infra.ops.clouds.{name.value}"), _CLASSES[name])(place)
    return cast("Cloud", opened)


__all__ = ["Cloud", "Place", "Say", "one_cloud", "open_clouds", "place_of", "service_named"]
