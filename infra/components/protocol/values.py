"""Property values on the wire of Pulumi's provider protocol, and as Python objects.

Owns the conversion in both directions, with secrets and unknowns. Does not own what a property means: that is the
business of the resource kinds (`kinds.py`) of each provider. The signatures are those of the Pulumi SDK
(`sdk/go/common/resource/sig.go`); they are part of the protocol and do not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from google.protobuf import json_format, struct_pb2

UNKNOWN_ON_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (the protocol's mark of a secret, not one)
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"


class Unknown:
    """The type of UNKNOWN: a value that will only be known once something has been deployed."""

    def __repr__(self) -> str:
        """The same text wherever it is printed."""
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine must encrypt in its state and mask on the screen."""

    value: Value

    def __repr__(self) -> str:
        """Never the value, so that it cannot end in a log by accident."""
        return "Secret(...)"


Value: TypeAlias = "bool | int | float | str | Unknown | Secret | list[Value] | dict[str, Value] | None"
"""What a property may be."""

Plain: TypeAlias = "bool | int | float | str | Unknown | list[Plain] | dict[str, Plain] | None"
"""A value whose secrets are unwrapped. UNKNOWN occurs in previews only."""

Properties: TypeAlias = dict[str, Value]
PlainProperties: TypeAlias = dict[str, Plain]


def decode(struct: struct_pb2.Struct) -> Properties:
    """The properties of a protobuf struct; whole numbers become int."""
    raw = cast("dict[str, object]", json_format.MessageToDict(struct))
    return {key: _decode(value) for key, value in raw.items()}


def encode(properties: Mapping[str, Value] | Mapping[str, Plain]) -> struct_pb2.Struct:
    """A protobuf struct of the properties."""
    return json_format.ParseDict({key: _encode(value) for key, value in properties.items()}, struct_pb2.Struct())


def plain(value: Value) -> Plain:
    """The value with every secret unwrapped, at any depth."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def plain_properties(properties: Mapping[str, Value]) -> PlainProperties:
    """The same properties with every secret unwrapped."""
    return {key: plain(value) for key, value in properties.items()}


def has_unknown(value: Value | Plain) -> bool:
    """Whether the value, or a part of it, is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    return isinstance(value, Unknown)


def mark_secrets(values: Mapping[str, Plain], like: Mapping[str, Value], secret_keys: frozenset[str]) -> Properties:
    """`values` with secrets wrapped again: `secret_keys` as a whole, the rest wherever `like` has a secret.

    The engine does not carry secrecy from inputs to outputs for a provider that accepts secrets, so that a provider
    which forgets this writes its inputs in the clear into the state.
    """
    return {
        key: Secret(_widen(value)) if key in secret_keys else _mark(value, like.get(key))
        for key, value in values.items()
    }


def _mark(value: Plain, like: Value) -> Value:
    if isinstance(like, Secret):
        return Secret(_widen(value))
    if isinstance(value, dict) and isinstance(like, dict):
        return {key: _mark(item, like.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(like, list):
        # Positions may have moved between old and new; one secret item makes the list a secret.
        if any(_has_secret(item) for item in like):
            return Secret(_widen(value))
        return _widen(value)
    return _widen(value)


def _has_secret(value: Value) -> bool:
    if isinstance(value, list):
        return any(_has_secret(item) for item in value)
    if isinstance(value, dict):
        return any(_has_secret(item) for item in value.values())
    return isinstance(value, Secret)


def _widen(value: Plain) -> Value:
    # Lists and dicts are invariant to the type checker, though every Plain is a Value.
    return cast("Value", value)


def _decode(raw: object) -> Value:
    if raw == UNKNOWN_ON_WIRE:
        return UNKNOWN
    if isinstance(raw, float):
        return int(raw) if raw.is_integer() else raw
    if isinstance(raw, list):
        return [_decode(item) for item in cast("list[object]", raw)]
    if isinstance(raw, dict):
        return _decode_object(cast("dict[str, object]", raw))
    if raw is None or isinstance(raw, (bool, str)):
        return raw
    raise TypeError(f"a protobuf struct holds no {type(raw).__name__}")


def _decode_object(raw: dict[str, object]) -> Value:
    match raw.get(_SIGNATURE):
        case signature if signature == _SECRET:
            return Secret(_decode(raw.get("value")))
        case signature if signature == _OUTPUT:
            value = _decode(raw["value"]) if "value" in raw else UNKNOWN
            return Secret(value) if raw.get("secret") else value
        case signature if signature == _RESOURCE:
            # A custom resource is handed on by its id, a component (which has none) by its URN.
            return _decode(raw["id"]) if "id" in raw else str(raw["urn"])
        case _:
            return {key: _decode(value) for key, value in raw.items()}


def _encode(value: Value | Plain) -> object:
    if isinstance(value, Secret):
        return {_SIGNATURE: _SECRET, "value": _encode(value.value)}
    if isinstance(value, Unknown):
        return UNKNOWN_ON_WIRE
    if isinstance(value, list):
        return [_encode(item) for item in value]
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    return value


__all__ = [
    "UNKNOWN",
    "UNKNOWN_ON_WIRE",
    "Plain",
    "PlainProperties",
    "Properties",
    "Secret",
    "Unknown",
    "Value",
    "decode",
    "encode",
    "has_unknown",
    "mark_secrets",
    "plain",
    "plain_properties",
]
