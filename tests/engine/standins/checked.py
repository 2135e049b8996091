"""`CheckedKind`: any resource type of an installed SDK as a stand-in, checked against that SDK and otherwise echoed.

What it checks: names and types of inputs at any depth and the required ones (by the SDK's own classes), physical names,
what is immutable, what is within what, and what a cloud refuses to delete (by the table of the provider, `traits.py`).
It is stricter than a cloud in one way: nothing goes while anything that exists still refers to it.
What it only echoes: everything else. Outputs are made up by their type, the same for the same thing. That a value means
something to the real API, that permissions suffice, that a thing works once it exists: only a cloud can tell.

A kind that does something real (such as applying to moto) is a subclass with `make`, `look`, `change` and `drop`.
Checks, faults, the log and the world's record of what exists are done around these four, whatever they do:

    class VpcKind(CheckedKind):
        def make(self, context, inputs):                         # -> Created(id, outputs); super().make() is the echo
            vpc = client.create_vpc(CidrBlock=inputs["cidrBlock"])["Vpc"]
            return Created(vpc["VpcId"], {**self.echo(context.urn, inputs), "arn": ...})

`provider.py` makes a provider of them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from pulumi import _types as sdk

from infra.components.protocol import (
    UNKNOWN,
    Change,
    Context,
    Created,
    Failure,
    Plain,
    PlainProperties,
    ProviderError,
    Resource,
    ResourceKind,
    Unknown,
    compare,
    has_unknown,
)
from infra.components.protocol.values import UNKNOWN_ON_WIRE
from tests.engine.standins.made_up import made_up
from tests.engine.standins.traits import Formed, Traits
from tests.engine.standins.world import Thing, World, name_of
from tests.infra import arguments


class CheckedKind(ResourceKind):
    """One resource type of an SDK."""

    def __init__(self, token: str, world: World, traits: Traits) -> None:
        """Serve the type in that world, by its row of the table."""
        self.token = token
        self.world = world
        self.traits = traits
        self.replace_on = traits.replace_on
        self.delete_before_replace = traits.delete_before_replace
        self.secret_outputs = traits.secret_outputs
        self.volatile = traits.volatile

    # For subclasses: what really happens.

    def make(self, context: Context, inputs: PlainProperties) -> Created:
        """Create the thing; here: make up its id and outputs."""
        outputs = self.echo(context.urn, inputs)
        return Created(str(outputs["id"]), {key: value for key, value in outputs.items() if key != "id"})

    def look(self, context: Context, resource: Resource) -> PlainProperties | None:
        """The thing's outputs as they are; None when it is gone. Here: what the world remembers."""
        thing = self.world.find(self.token, resource.id)
        return thing.outputs if thing else None

    def change(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Change the thing in place and return its outputs."""
        kept = {key: value for key, value in resource.outputs.items() if key in self.computed_for(inputs)}
        fresh = self.echo(context.urn, inputs)
        return {**inputs, **kept, **{key: fresh[key] for key in self.volatile if key in fresh}}

    def drop(self, context: Context, thing: Thing) -> None:
        """Delete the thing; nobody uses it any more."""

    def echo(self, urn: str, inputs: PlainProperties) -> PlainProperties:
        """Inputs and made-up outputs, among them `id`; outputs with a form get it."""
        digits = hashlib.sha256(f"{urn} {self.world.birth(urn)}".encode()).hexdigest()[:10]
        facts: PlainProperties = {**self.world.place, **self.initial(inputs), "hash": digits, "resource": name_of(urn)}
        facts["id"] = _formed(self.traits.id, facts)
        outputs: PlainProperties = {"id": facts["id"], **self.initial(inputs)}
        for key, kind in self._outputs.items():
            if key in outputs:
                continue
            form = self.traits.outputs.get(key)
            if form is not None:
                outputs[key] = facts[key] = _formed(form, facts)
            elif key not in self._arguments:
                outputs[key] = made_up(key, kind, self.token, facts)
        return outputs

    def initial(self, inputs: PlainProperties) -> PlainProperties:
        """The inputs as they come back; for kinds whose cloud fills something in."""
        return inputs

    # The engine's questions.

    def check(self, inputs: PlainProperties) -> Iterable[Failure]:
        """Against the SDK, the name's rule, and the rules of the row."""
        for problem in arguments.problems(self.token, on_wire(inputs)):
            yield Failure("", problem)
        rule = self.traits.name
        name = inputs.get(rule.property) if rule else None
        if rule and isinstance(name, str) and (len(name) > rule.limit or not re.fullmatch(rule.pattern, name)):
            yield Failure(rule.property, f"{name!r} is not at most {rule.limit} characters that match {rule.pattern}")
        if self.traits.rules:
            yield from self.traits.rules(inputs)

    def complete(self, urn: str, inputs: PlainProperties, former: PlainProperties | None) -> PlainProperties:
        """The name that the provider would give: the resource's own and seven hex digits, for as long as it lives."""
        rule = self.traits.name
        if rule is None or not rule.auto or rule.property in inputs:
            return {}
        if former and rule.property in former:
            return {rule.property: former[rule.property]}
        name = f"{name_of(urn)[: rule.limit - 8]}-{secrets.token_hex(4)[:7]}"
        return {rule.property: name.lower() if rule.lower else name}

    def diff(self, resource: Resource, inputs: PlainProperties) -> Change:
        """Changed inputs; and outputs that a refresh has found to be other than the same input says."""
        change = compare(resource.inputs, inputs)
        paths = change.added | change.updated | change.deleted
        replaced = frozenset(path for path in paths if any(_covers(fixed, path) for fixed in self.replace_on))
        drifted = frozenset(
            key
            for key, value in inputs.items()
            if key in resource.inputs
            and resource.inputs[key] == value
            and key in resource.outputs
            and resource.outputs[key] != value
            and not has_unknown(value)
        )
        return Change(
            added=change.added,
            updated=change.updated,
            deleted=change.deleted,
            drifted=drifted,
            replaced=replaced,
            delete_before_replace=self.delete_before_replace and bool(replaced),
        )

    def preview(self, resource: Resource | None, inputs: PlainProperties) -> PlainProperties:
        """What is computed is unknown before a creation, and stays at an update unless it is volatile."""
        computed = self.computed_for(inputs)
        if resource is None:
            return {**inputs, **dict.fromkeys(computed, UNKNOWN)}
        kept = {key: value for key, value in resource.outputs.items() if key in computed}
        return {**inputs, **kept, **dict.fromkeys(self.volatile, UNKNOWN)}

    def create(self, context: Context, inputs: PlainProperties) -> Created:
        """Create it if its containers exist and nothing has its id."""
        with self.world.operation("create", self.token, context):
            self._needs_containers(inputs)
            created = self.make(context, inputs)
            there = self.world.find(self.token, created.id)
            if there and not self.traits.shared:
                raise ProviderError(f"Error 409: {self.token} {created.id} exists already ({there.urn})")
            self.world.put(Thing(self.token, created.id, context.urn, inputs, created.outputs))
            return created

    def read(self, context: Context, resource: Resource) -> PlainProperties | None:
        """The thing as it is now."""
        with self.world.operation("read", self.token, context):
            return self.look(context, resource)

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Change it; a thing that is gone cannot be changed."""
        with self.world.operation("update", self.token, context):
            thing = self.world.find(self.token, resource.id)
            if thing is None:
                raise ProviderError(f"Error 404: {self.token} {resource.id} does not exist: run `pulumi refresh`")
            thing.outputs = self.change(context, resource, inputs)
            thing.inputs = inputs
            return thing.outputs

    def delete(self, context: Context, resource: Resource) -> None:
        """Delete it unless it is guarded, used, or not empty; a thing that is gone is no error."""
        with self.world.operation("delete", self.token, context):
            thing = self.world.find(self.token, resource.id)
            if thing is None:
                return
            for guard in self.traits.guards:
                if any(_at(thing.outputs, guard.property) == value for value in guard.values):
                    raise ProviderError(f"{self.token} {thing.id}: {guard.says}")
            if self.traits.remains or any(_at(thing.outputs, key) == value for key, value in self.traits.abandoned):
                thing.abandoned = True
                return
            self._must_be_unused(thing)
            self.drop(context, thing)
            self.world.remove(thing)

    # The world around.

    def computed_for(self, inputs: PlainProperties) -> frozenset[str]:
        """The outputs that a creation with these inputs makes."""
        return frozenset(
            key
            for key in self._outputs
            if key not in inputs and (key in self.traits.outputs or key not in self._arguments)
        )

    def _needs_containers(self, inputs: PlainProperties) -> None:
        for within in self.traits.within:
            wanted = _at(inputs, within.property)
            if isinstance(wanted, str) and not any(
                wanted in _marks(each, within.by) for each in self.world.things(within.container)
            ):
                raise ProviderError(
                    f"Error 404: {within.property} {wanted!r} of {self.token} is no {within.container} that exists"
                )

    def _must_be_unused(self, thing: Thing) -> None:
        contents = [each for each in self.world.things() if each is not thing and self._holds(thing, each)]
        users = [each for each in self.world.users_of(thing) if each not in contents]
        if contents and self.traits.cascades:
            for each in contents:
                self.world.remove(each)
            contents = []
        if found := [*contents, *users]:
            names = ", ".join(sorted(each.urn for each in found))
            raise ProviderError(
                f"Error 400: {self.token} {thing.id} is in use by {names}: it has to be deleted after them"
            )

    def _holds(self, thing: Thing, other: Thing) -> bool:
        return any(
            within.container == self.token and _at(other.inputs, within.property) in _marks(thing, within.by)
            for within in self.world.table[other.token].within
        )

    @cached_property
    def _outputs(self) -> Mapping[str, Any]:
        described = arguments.resource_class(self.token)
        if described is None:
            raise ProviderError(f"no installed SDK describes {self.token}")
        return sdk.resource_types(described)

    @cached_property
    def _arguments(self) -> frozenset[str]:
        described = arguments.resource_class(self.token)
        accepted = arguments.arguments_class(described) if described else None
        return frozenset(sdk.input_type_types(accepted)) if accepted else frozenset()


def _formed(form: Formed, facts: PlainProperties) -> Plain:
    return form.format_map(facts) if isinstance(form, str) else form(facts)


def _marks(thing: Thing, by: Iterable[str]) -> set[str]:
    known = {**thing.outputs, "id": thing.id}
    return {text for key in by if isinstance(text := known.get(key), str)}


def _at(properties: PlainProperties, path: str) -> Plain:
    value: Plain = properties
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if not isinstance(value, (dict, list)) else None


def _covers(fixed: str, path: str) -> bool:
    return path == fixed or path.startswith((f"{fixed}.", f"{fixed}["))


def on_wire(value: Any) -> Any:
    """The same with unknowns as `arguments.problems` knows them."""
    if isinstance(value, Unknown):
        return UNKNOWN_ON_WIRE
    if isinstance(value, dict):
        return {key: on_wire(item) for key, item in value.items()}
    return [on_wire(item) for item in value] if isinstance(value, list) else value


__all__ = ["CheckedKind", "on_wire"]
