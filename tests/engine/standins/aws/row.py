"""What a table says of one AWS resource type: `Row`, and the calls that it is made of. `kind.py` applies it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.components.protocol import Plain, PlainProperties
from tests.engine.standins.aws.translate import Names
from tests.engine.standins.traits import Traits

if TYPE_CHECKING:
    from tests.engine.standins.aws.kind import AwsKind

Facts = Mapping[str, Any]
"""Place, outputs and inputs of a resource by name; `id`, `answer` (of the creation) and `tag_list`."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with the inputs as parameters. `only` and `skip` choose among them; `more` is a template."""

    operation: str
    names: Names = field(default_factory=dict)
    skip: Collection[str] = ()
    only: Collection[str] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    build: Callable[[PlainProperties], Mapping[str, Any]] | None = None
    """Parameters that take more than renaming, from the inputs that the call is about."""
    prepare: Callable[[PlainProperties], Mapping[str, Plain]] | None = None
    """The same before they are translated: for inputs that AWS divides otherwise."""


@dataclass(frozen=True, slots=True)
class Also:
    """A further call after the creation, and at every update of one of `keys`; not made while none of them is set."""

    keys: Collection[str]
    call: Call
    at_creation: bool = True
    """False where the creation itself takes these inputs, and only an update has a call of its own for them."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one type meets AWS. Templates are filled with the facts: inputs, outputs, `id`, and the world's place."""

    service: str
    create: Call
    id: str | Callable[[AwsKind, Any, Facts], str]
    """JMESPath into the answer of the creation, or a template (with a brace) of the facts."""
    read: tuple[str, Mapping[str, Any], str]
    """Operation, template of its parameters, JMESPath (with `<facts>`) to the thing in its answer; when that finds
    nothing, the thing is gone."""
    delete: tuple[str, Mapping[str, Any]] | Callable[[AwsKind, Facts], None] | None
    update: Call | None = None
    """Takes every changed input that no `also` takes. With `whole`, all inputs."""
    whole: bool = False
    also: tuple[Also, ...] = ()
    instead: Mapping[str, Call] = field(default_factory=dict)
    """Input -> the call that creates the thing where that input is set."""
    echoed: frozenset[str] = frozenset()
    outputs: Mapping[str, str | Callable[[AwsKind, Any, Facts], Plain]] = field(default_factory=dict)
    """Output -> JMESPath into what was read, or an ARN's template, where its name alone does not say it."""
    traits: Traits = field(default_factory=Traits)
    before_create: Callable[[AwsKind, Facts], None] | None = None
    before_delete: Callable[[AwsKind, Facts], None] | None = None
    """What AWS refuses and moto does not, and what the provider does first. Raises ProviderError."""
    after_create: Callable[[AwsKind, Facts], None] | None = None
    """What AWS does by itself and moto does not (network interfaces, steady services)."""
    after_update: Callable[[AwsKind, Facts], None] | None = None


__all__ = ["Also", "Call", "Facts", "Row"]
