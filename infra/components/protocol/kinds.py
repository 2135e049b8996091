"""What a provider of ours is made of: resource kinds as plain Python over dicts, without protobuf or gRPC.

A provider lists its kinds; `servicer.py` translates the engine's calls into theirs. Kinds see secrets unwrapped; the
servicer wraps them again on the way back.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from infra.components.protocol.values import UNKNOWN, Plain, PlainProperties


class ProviderError(Exception):
    """Something that the user can act on. The engine prints the text as it is, so it names the remedy."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that is refused: the property's name (empty for the resource as a whole) and what to set instead."""

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that exists according to the state."""

    urn: str
    id: str
    inputs: PlainProperties
    outputs: PlainProperties


@dataclass(frozen=True, slots=True)
class Created:
    """What a creation returns: the provider's id of the resource and all its outputs."""

    id: str
    outputs: PlainProperties


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between what is and what is wanted, by property path (`environment.PORT`).

    `updated` are changed inputs, `drifted` outputs that reality has moved away from. `replaced` are those among the
    updated ones that need a new resource.
    """

    added: frozenset[str] = frozenset()
    updated: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    drifted: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    delete_before_replace: bool = False

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.updated or self.deleted or self.drifted)


@dataclass(frozen=True, slots=True)
class Context:
    """What every operation may ask about its surroundings."""

    urn: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Set when the user interrupts the deployment: stop waiting, undo what is half done, raise ProviderError."""


class ResourceKind(ABC):
    """One resource type, which subclasses (or instances, for types that are data) name.

    Subclasses implement create; the other operations have defaults.
    """

    token: str
    """For instance `aex:local:Process`."""

    computed: frozenset[str] = frozenset()
    """Outputs that are not inputs: unknown in the preview of a creation."""

    volatile: frozenset[str] = frozenset()
    """The computed outputs that an update changes: unknown in the preview of an update."""

    secret_outputs: frozenset[str] = frozenset()
    """Outputs that are secret whatever the inputs are."""

    replace_on: frozenset[str] = frozenset()
    """Inputs that cannot change in place."""

    delete_before_replace: bool = False

    def check(self, inputs: PlainProperties) -> Iterable[Failure]:
        """What is wrong with the inputs. Values may be UNKNOWN."""
        del inputs
        return ()

    def defaults(self, urn: str, inputs: PlainProperties) -> PlainProperties:
        """Inputs to add where the program gave none."""
        del urn, inputs
        return {}

    def complete(self, urn: str, inputs: PlainProperties, former: PlainProperties | None) -> PlainProperties:
        """The same for kinds whose defaults must not change while a resource lives, such as a name that was made up.

        `former` are the inputs that it has now; None when a resource is created, or created anew to replace it.
        """
        del former
        return self.defaults(urn, inputs)

    def diff(self, resource: Resource, inputs: PlainProperties) -> Change:
        """What has to change so that the resource is as the inputs say."""
        return compare(resource.inputs, inputs, self.replace_on, delete_before_replace=self.delete_before_replace)

    def preview(self, resource: Resource | None, inputs: PlainProperties) -> PlainProperties:
        """The outputs of a creation (`resource` is None) or update that has not happened."""
        if resource is None:
            return {**inputs, **dict.fromkeys(self.computed, UNKNOWN)}
        kept = {key: value for key, value in resource.outputs.items() if key in self.computed}
        return {**inputs, **kept, **dict.fromkeys(self.volatile, UNKNOWN)}

    @abstractmethod
    def create(self, context: Context, inputs: PlainProperties) -> Created:
        """Make the resource. Raises ProviderError, after which nothing of it may be left."""

    def read(self, context: Context, resource: Resource) -> PlainProperties | None:
        """The outputs as they are in reality; None when the resource is gone."""
        del context
        return resource.outputs

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Change the resource in place and return its outputs."""
        raise ProviderError(f"{self.token} cannot be changed in place ({resource.urn}: {sorted(inputs)})")

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove the resource; a resource that is gone already is no error."""
        del context, resource


Function = Callable[[PlainProperties], PlainProperties]
"""What an invoke runs. Raises ProviderError."""


class Provider:
    """A set of resource kinds and functions under one package name."""

    def __init__(
        self,
        name: str,
        version: str,
        kinds: Iterable[ResourceKind],
        functions: Mapping[str, Function] | None = None,
        schema: str = "{}",
    ) -> None:
        """`schema` is the package schema as JSON; programs in Python do not need one."""
        self.name = name
        self.version = version
        self.schema = schema
        self._kinds = {kind.token: kind for kind in kinds}
        self._functions = dict(functions or {})

    def kind(self, token: str) -> ResourceKind:
        """The kind of that token; ProviderError with the known ones if there is none."""
        try:
            return self._kinds[token]
        except KeyError:
            raise ProviderError(
                f"provider {self.name!r} has no resource type {token!r}, only {', '.join(sorted(self._kinds))}"
            ) from None

    def function(self, token: str) -> Function:
        """The function of that token; ProviderError if there is none."""
        try:
            return self._functions[token]
        except KeyError:
            raise ProviderError(f"provider {self.name!r} has no function {token!r}") from None

    def check_config(self, inputs: PlainProperties) -> Iterable[Failure]:
        """What is wrong with the provider's own configuration."""
        del inputs
        return ()

    def configure(self, inputs: PlainProperties) -> None:
        """Take the configuration; called once, before any resource operation that is not a check."""
        del inputs


def compare(
    old: Mapping[str, Plain],
    new: Mapping[str, Plain],
    replace_on: frozenset[str] = frozenset(),
    *,
    delete_before_replace: bool = False,
) -> Change:
    """The difference of two sets of inputs; objects are compared key by key, one level deep."""
    before, after = _paths(old), _paths(new)
    added = frozenset(after.keys() - before.keys())
    deleted = frozenset(before.keys() - after.keys())
    updated = frozenset(key for key in before.keys() & after.keys() if before[key] != after[key])
    replaced = frozenset(key for key in added | deleted | updated if key.split(".")[0].split("[")[0] in replace_on)
    return Change(
        added=added,
        updated=updated,
        deleted=deleted,
        replaced=replaced,
        delete_before_replace=delete_before_replace and bool(replaced),
    )


def _paths(properties: Mapping[str, Plain]) -> dict[str, Plain]:
    flat: dict[str, Plain] = {}
    for key, value in properties.items():
        if isinstance(value, dict) and value:
            flat.update({_path(key, name): item for name, item in value.items()})
        else:
            flat[key] = value
    return flat


def _path(key: str, name: str) -> str:
    return f"{key}.{name}" if name.isidentifier() else f'{key}["{name}"]'


__all__ = [
    "Change",
    "Context",
    "Created",
    "Failure",
    "Function",
    "Provider",
    "ProviderError",
    "Resource",
    "ResourceKind",
    "compare",
]
