"""What the SDK does not say about a resource type: one row per type, in a table per provider.

The SDK's classes give property names, types and which are required. What a provider does with them is in no Python
package: which properties cannot change, how ids and names look, what the cloud refuses to delete. Such rows are written
by hand from the providers' docs ("Changing this forces a new resource") and the clouds' API references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from infra.components.protocol import Failure, Plain, PlainProperties

Formed: TypeAlias = "str | Callable[[PlainProperties], Plain]"
"""How a value is formed from the facts: inputs, the world's place (project, region, account), earlier outputs, `hash`
(ten hex digits, the same for the same thing), `resource` (its name in the program). Either a template for `str.format`
(`projects/{project}/secrets/{secretId}`) or a function."""


@dataclass(frozen=True, slots=True)
class Name:
    """The property that names the thing, the pattern of a whole name, and its limit.

    A provider that names things by itself (`auto`) takes the resource's name, a hyphen and seven hex digits.
    """

    property: str = "name"
    pattern: str = r"[A-Za-z0-9_.-]+"
    limit: int = 255
    auto: bool = True
    lower: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """The thing lives in another one: `property` holds a text by which the container is known (id, name, ARN, ...).

    A thing is not created in a container that does not exist. What happens to it with the container says `cascades` of
    the container.
    """

    property: str
    container: str
    """Token."""
    by: tuple[str, ...] = ("id", "name", "selfLink", "arn")


@dataclass(frozen=True, slots=True)
class Guard:
    """While `property` is one of `values`, the cloud or the provider refuses to delete the thing."""

    property: str
    values: tuple[Plain, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Traits:
    """One row. The paths in `replace_on` are properties, or keys in them (`versionTemplate.protectionLevel`)."""

    id: Formed = "{resource}-{hash}"
    replace_on: frozenset[str] = frozenset()
    delete_before_replace: bool = False
    name: Name | None = None
    outputs: Mapping[str, Formed] = field(default_factory=dict)
    """Computed outputs whose form matters; the rest is made up by its type."""
    volatile: frozenset[str] = frozenset()
    """Outputs that every update changes, so that they are unknown in its preview."""
    secret_outputs: frozenset[str] = frozenset()
    within: tuple[Within, ...] = ()
    cascades: bool = False
    """Deleting it deletes what is within it; otherwise it refuses to go while there is something."""
    guards: tuple[Guard, ...] = ()
    abandoned: tuple[tuple[str, Plain], ...] = ()
    """(property, value) with which a deletion only makes the engine forget: the thing lives on."""
    holds: bool = True
    """Whether what it refers to has to outlive it. A membership does not: its account may go first."""
    remains: bool = False
    """No deletion ever removes it from the cloud (a key ring): the engine forgets it, and another may not be made."""
    shared: bool = False
    """May exist before, and under several resources (an API that is switched on): creation never conflicts."""
    rules: Callable[[PlainProperties], Iterable[Failure]] | None = None
    """What the cloud would refuse beyond names and types. Values may be UNKNOWN."""


def fixed(*names: str) -> frozenset[str]:
    """Properties that cannot change in place."""
    return frozenset(names)


__all__ = ["Formed", "Guard", "Name", "Traits", "Within", "fixed"]
