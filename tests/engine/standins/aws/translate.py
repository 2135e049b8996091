"""From a resource's inputs to the parameters of a call, and from its answer to outputs, along AWS's own service models.

pulumi-aws names most properties as AWS names its parameters, but for the case of the first letters, plurals, and blocks
that are lists of one. So the shape of the operation says what goes where, and the tables name only what differs. An
input that finds no place is an error, never dropped in silence; botocore then checks the whole (required members,
types, ranges).
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

from infra.components.protocol import Plain

Names = Mapping[str, str]
"""Input -> parameter, at any depth, where the two differ by more than case and number."""

_NUMBERS = ("integer", "long")
_FRACTIONS = ("float", "double")


class UntranslatableError(Exception):
    """An input has no place in a call: the stand-in's table is incomplete, or the program's input means nothing."""


def shape_of(client: Any, operation: str) -> StructureShape:
    """What a method of a boto3 client takes."""
    model: Any = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
    return model.input_shape


def parameters(
    client: Any,
    operation: str,
    inputs: Mapping[str, Plain],
    names: Names | None = None,
    skipped: Collection[str] = (),
) -> dict[str, Any]:
    """The inputs as parameters of that method, without those to be skipped."""
    shape = shape_of(client, operation)
    wanted = {key: value for key, value in inputs.items() if key not in skipped and value is not None}
    return _structure(wanted, shape, names or {}, operation)


def shaped(value: Plain, shape: Shape, names: Names, path: str) -> Any:
    """The value in the form of that shape."""
    # A block that can occur once is a list of one in some types of pulumi-aws, and an object in others.
    if isinstance(shape, StructureShape):
        if isinstance(value, list):
            if len(value) != 1:
                raise UntranslatableError(f"{path} takes one object, not {len(value)}")
            value = value[0]
        if not isinstance(value, dict):
            raise UntranslatableError(f"{path} takes an object, not {value!r}")
        return _structure(value, shape, names, path)
    if isinstance(shape, ListShape):
        return _list(value, shape, names, path)
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise UntranslatableError(f"{path} takes an object, not {value!r}")
        each: Any = shape.value
        return {key: shaped(item, each, names, path) for key, item in value.items()}
    return _scalar(value, shape.type_name)


def _structure(value: Mapping[str, Plain], shape: StructureShape, names: Names, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    members = _members(shape)
    for key, item in value.items():
        if item is None:
            continue
        member = names.get(key)
        if member not in members:
            member = member_for(key, members)
        if member is None:
            raise UntranslatableError(f"{path} has no place for {key}; it has {', '.join(members)}")
        found[member] = shaped(item, members[member], names, f"{path}.{key}")
    return found


def _list(value: Plain, shape: ListShape, names: Names, path: str) -> list[Any]:
    member: Any = shape.member
    if isinstance(value, dict) and isinstance(member, StructureShape):
        pair = _pair(member)
        if pair is not None and not set(value) <= set(_members(member)):
            return [{pair[0]: key, pair[1]: item} for key, item in sorted(value.items())]
        value = [value]
    if not isinstance(value, list):
        value = [value]
    return [shaped(item, member, names, path) for item in value]


def _members(shape: StructureShape) -> Mapping[str, Shape]:
    # botocore's cached properties have no type.
    return dict(cast("Any", shape).members)


def _pair(shape: StructureShape) -> tuple[str, str] | None:
    """The members of a list that AWS has in place of a map: tags, dimensions, attributes."""
    for key, value in (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue"), ("Name", "Value")):
        if {key, value} <= set(_members(shape)):
            return key, value
    return None


def _scalar(value: Plain, kind: str) -> Any:
    if kind == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind in _NUMBERS and isinstance(value, str):
        return int(value)
    if kind in _FRACTIONS and isinstance(value, (str, int)):
        return float(value)
    return value


def member_for(key: str, members: Iterable[str]) -> str | None:
    """The name among `members` that means the same as `key`."""
    known = {member.lower(): member for member in members}
    small = key.lower()
    for form in (small, f"{small}s", f"{small}es", small.removesuffix("s"), f"{small.removesuffix('ies')}y"):
        if form in known:
            return known[form]
    return None


def plain(value: Any) -> Plain:
    """An answer's value as a property: times as texts, keys as they are."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return str(value)


def filled(template: Any, facts: Mapping[str, Any]) -> Any:
    """A template of parameters with `{facts}` in its texts; a text that is one fact alone becomes that fact."""
    if isinstance(template, str):
        if template.startswith("{") and template.endswith("}") and template.count("{") == 1:
            return facts[template[1:-1]]
        return template.format_map(facts)
    if isinstance(template, Mapping):
        return {key: filled(item, facts) for key, item in template.items()}
    if isinstance(template, (list, tuple)):
        return [filled(item, facts) for item in template]
    return template


__all__ = ["Names", "UntranslatableError", "filled", "member_for", "parameters", "plain", "shape_of", "shaped"]
