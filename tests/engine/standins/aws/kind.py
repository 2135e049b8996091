"""`AwsKind`: one AWS resource type, applied to moto by a row of a table (`row.py`).

What is applied: creations, updates and deletions become calls of boto3 on moto (`account.py`), so that botocore checks
every parameter against AWS's own service model, and moto what it knows of AWS's rules: what is referred to exists,
CIDR blocks lie in their network, policy documents parse, names are not taken, what is in use does not go. Ids, ARNs and
other outputs are what moto answers; reads ask moto, so that whatever is changed behind the engine's back is seen.

What is echoed: outputs that moto's answer does not hold are made up by their type (`checked.py`), and inputs named in
`Row.echoed` take part in no call, because moto has no such operation; they are checked against the SDK only.

What it proves: the parameters are ones that AWS accepts as to form, and the order and the references are right. That a
permission suffices, that a task starts, that a limit of an account is kept: only AWS can tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import jmespath
from botocore.exceptions import ClientError, ParamValidationError

from infra.components.protocol import Context, Created, Plain, PlainProperties, ProviderError, Resource
from tests.engine.standins.aws.account import Account
from tests.engine.standins.aws.row import Also, Call, Facts, Row
from tests.engine.standins.aws.tagging import retag
from tests.engine.standins.aws.translate import UntranslatableError, filled, member_for, parameters, plain
from tests.engine.standins.checked import CheckedKind
from tests.engine.standins.world import Thing, World

_GONE = ("NotFound", "NoSuch", "ResourceNotFound", "DoesNotExist", "Nonexist")
"""Parts of the error codes with which AWS says that something is not there."""

_EVERYWHERE = frozenset({"region", "tagsAll"})


class AwsKind(CheckedKind):
    """One type, by its row."""

    def __init__(self, token: str, world: World, row: Row, account: Account) -> None:
        """Serve the type in that account."""
        super().__init__(token, world, row.traits)
        self.row, self.account = row, account
        self._seen: dict[str, PlainProperties] = {}
        """By id: what AWS said about the inputs after our last write; what differs later is drift."""

    def client(self, service: str | None = None) -> Any:
        """boto3's client, of the row's service if none is named."""
        return self.account.client(service or self.row.service)

    def call(self, operation: str, service: str | None = None, /, **given: Any) -> Any:
        """Call AWS. What botocore or moto refuses becomes an error that names the type and the operation."""
        try:
            return getattr(self.client(service), operation)(**given)
        except ParamValidationError as error:
            raise ProviderError(f"{self.token}: {operation}: {error}") from error

    # What CheckedKind asks for.

    def make(self, context: Context, inputs: PlainProperties) -> Created:
        """Create it, with all that the provider does in the same breath; undo it when a later part is refused."""
        with self.account.lock:
            if self.row.before_create:
                self.row.before_create(self, self._facts(inputs, {}, ""))
            instead = (call for key, call in self.row.instead.items() if inputs.get(key) is not None)
            answer = self._apply(next(instead, self.row.create), inputs, self._facts(inputs, {}, ""))
            facts = self._facts(inputs, {}, "", answer)
            id = self._text(answer, facts)
            facts["id"] = id
            try:
                for also in self.row.also:
                    if also.at_creation and any(inputs.get(key) is not None for key in also.keys):
                        self._apply(also.call, inputs, facts)
                outputs = self._outputs_of(context.urn, inputs, id, answer)
                if self.row.after_create:
                    self.row.after_create(self, {**facts, **outputs})
            except ProviderError:
                self._undo({**facts, "id": id})
                raise
            return Created(id, outputs)

    def look(self, context: Context, resource: Resource) -> PlainProperties | None:
        """The outputs as we know them, with what AWS says differently by now."""
        with self.account.lock:
            found = self._found(self._facts(resource.inputs, resource.outputs, resource.id))
            thing = self.world.find(self.token, resource.id)
            if found is None:
                if thing:
                    self.world.remove(thing)
                return None
            before, now = self._seen.get(resource.id, {}), self._mirror(resource.inputs, found)
            changed = {key: value for key, value in now.items() if key in before and before[key] != value}
            return {**(thing.outputs if thing else resource.outputs), **changed}

    def change(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Update what has changed, and what has drifted."""
        with self.account.lock:
            facts = {**self._facts(inputs, resource.outputs, resource.id), **inputs, "id": resource.id}
            keys = {key for key in {*inputs, *resource.inputs} if inputs.get(key) != resource.inputs.get(key)}
            keys |= {key for key in inputs if key in resource.outputs and resource.outputs[key] != inputs[key]}
            keys -= self.row.echoed | _EVERYWHERE
            for also in self.row.also:
                if keys & set(also.keys):
                    self._apply(also.call, inputs, facts)
                    keys -= set(also.keys)
            if "tags" in keys and retag(self, facts, inputs.get("tags")):
                keys.remove("tags")
            if keys:
                if self.row.update is None:
                    raise ProviderError(f"{self.token}: the stand-in does not know how AWS changes {sorted(keys)}")
                chosen = inputs if self.row.whole else {key: inputs[key] for key in keys if key in inputs}
                self._apply(self.row.update, chosen, facts)
            kept = {key: value for key, value in resource.outputs.items() if key in self.computed_for(inputs)}
            found = self._found(facts)
            outputs = {**inputs, **kept, **self._computed(inputs, found or {}, facts)}
            if found:
                self._seen[resource.id] = self._mirror(inputs, found)
            if self.row.after_update:
                self.row.after_update(self, {**facts, **outputs})
            return outputs

    def drop(self, context: Context, thing: Thing) -> None:
        """Delete it; gone already is no error."""
        with self.account.lock:
            facts = self._facts(thing.inputs, thing.outputs, thing.id)
            try:
                if self.row.before_delete:
                    self.row.before_delete(self, facts)
                self._delete(facts)
            except ClientError as error:
                if not _is_gone(error):
                    raise self._refused("delete", error) from error

    # The parts.

    def _apply(self, call: Call, inputs: PlainProperties, facts: Facts) -> Any:
        chosen = {
            key: value
            for key, value in inputs.items()
            if (call.only is None or key in call.only)
            and key not in call.skip
            and key not in self.row.echoed
            and key not in _EVERYWHERE
        }
        if call.only is None and (call is self.row.create or call is self.row.update):
            creating = call is self.row.create
            elsewhere = {key for also in self.row.also if also.at_creation or not creating for key in also.keys}
            chosen = {key: value for key, value in chosen.items() if key not in elsewhere}
        try:
            if call.build:
                given = dict(call.build(chosen))
            else:
                prepared = call.prepare(chosen) if call.prepare else chosen
                given = parameters(self.client(), call.operation, prepared, call.names)
            given |= filled(call.more, facts)
            return self.call(call.operation, **given)
        except UntranslatableError as error:
            raise ProviderError(f"{self.token}: {error}") from error
        except ClientError as error:
            raise self._refused(call.operation, error) from error

    def _refused(self, operation: str, error: ClientError) -> ProviderError:
        return ProviderError(f"{self.token}: {operation}: {error}")

    def _facts(self, inputs: PlainProperties, outputs: PlainProperties, id: str, answer: Any = None) -> dict[str, Any]:
        tags = inputs.get("tags")
        tag_list = (
            [{"Key": key, "Value": value} for key, value in sorted(tags.items())] if isinstance(tags, dict) else []
        )
        return {**self.world.place, **outputs, **inputs, "id": id, "answer": answer, "tag_list": tag_list}

    def _found(self, facts: Facts) -> Any:
        operation, template, path = self.row.read
        try:
            wanted = re.sub(r"<(\w+)>", lambda match: str(facts[match[1]]), path)
            return jmespath.search(wanted, self.call(operation, **filled(template, facts)))
        except ClientError as error:
            if _is_gone(error):
                return None
            raise self._refused(operation, error) from error

    def _outputs_of(self, urn: str, inputs: PlainProperties, id: str, answer: Any) -> PlainProperties:
        facts = self._facts(inputs, {}, id, answer)
        found = self._found(facts)
        if found is None:
            raise ProviderError(f"{self.token}: {id} was created, but AWS does not find it ({self.row.read[0]})")
        self._seen[id] = self._mirror(inputs, found)
        made_up = {key: value for key, value in self.echo(urn, inputs).items() if key != "id"}
        return {**made_up, **self._computed(inputs, found, facts)}

    def _computed(self, inputs: PlainProperties, found: Any, facts: Facts) -> PlainProperties:
        """The outputs that are not inputs, as far as what was found says them."""
        computed: PlainProperties = {}
        for key in self.computed_for(inputs):
            if key == "id":
                continue
            if key == "tagsAll":
                computed[key] = inputs.get("tags") or {}
                continue
            path = self.row.outputs.get(key)
            if path is None and isinstance(found, Mapping):
                member = member_for(key, found)
                value = found[member] if member is not None else None
                # Objects have other keys than pulumi-aws gives them; those that matter are in the tables.
                if not isinstance(value, Mapping) and not (isinstance(value, list) and _has_objects(value)):
                    computed |= {key: plain(value)} if value is not None else {}
            elif path is not None:
                computed[key] = plain(self._at(path, found, {**facts, **computed}))
        return computed

    def _at(self, path: str | Callable[[AwsKind, Any, Facts], Plain], found: Any, facts: Facts) -> Any:
        if callable(path):
            return path(self, found, facts)
        return path.format_map(facts) if path.startswith("arn:") else jmespath.search(path, found)

    def _text(self, answer: Any, facts: Facts) -> str:
        path = self.row.id
        if callable(path):
            return path(self, answer, facts)
        value = path.format_map(facts) if "{" in path else jmespath.search(path, answer)
        if not value:
            raise ProviderError(f"{self.token}: AWS's answer has no {path}: {answer}")
        return str(value)

    def _mirror(self, inputs: PlainProperties, found: Any) -> PlainProperties:
        """What AWS says about the inputs."""
        if not isinstance(found, Mapping):
            return {}
        mirrored: PlainProperties = {}
        for key in inputs:
            member = self.row.create.names.get(key) or member_for(key, found)
            if member in found:
                mirrored[key] = plain(found[member])
        return mirrored

    def _delete(self, facts: Facts) -> None:
        if callable(self.row.delete):
            self.row.delete(self, facts)
        elif self.row.delete is not None:
            operation, template = self.row.delete
            self.call(operation, **filled(template, facts))

    def _undo(self, facts: Facts) -> None:
        """A half-made thing would be unknown to the engine, which forgets it when the creation fails: take it back."""
        with suppress(ClientError):
            self._delete(facts)


def _is_gone(error: ClientError) -> bool:
    return any(part in error.response["Error"]["Code"] for part in _GONE)


def _has_objects(values: list[Any]) -> bool:
    return any(isinstance(value, Mapping) for value in values)


__all__ = ["Also", "AwsKind", "Call", "Facts", "Row"]
