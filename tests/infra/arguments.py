"""Checks the arguments of a resource against the installed SDK: names, kinds and required ones, at any depth.

Pulumi's Python SDKs refuse an unknown keyword, but not an unknown key in a nested dictionary, nor a value of the wrong
kind: these reach the provider, which in a unit test nobody asks.
"""

from __future__ import annotations

import collections.abc
import importlib
import json
from collections.abc import Iterator, Mapping
from enum import Enum
from types import NoneType
from typing import Any, Union, get_args, get_origin

import pulumi
from pulumi import _types as sdk
from pulumi.runtime.rpc import UNKNOWN, _special_sig_key

OPAQUE = _special_sig_key
"""Key of dictionaries that stand for assets, archives and references to resources."""


def resource_class(token: str) -> type[pulumi.CustomResource] | None:
    """The SDK's class for a resource type such as `aws:ecs/service:Service`; None when no SDK has it."""
    if token.startswith("pulumi:providers:"):
        return _member(f"pulumi_{token.rpartition(':')[2]}", "Provider", pulumi.ProviderResource)
    package, module, name = token.split(":")
    place = module.partition("/")[0]
    suffix = "" if place == "index" else f".{place}"
    return _member(f"pulumi_{package}{suffix}", name, pulumi.CustomResource)


def arguments_class(resource: type[pulumi.CustomResource]) -> type | None:
    """The class that describes a resource's arguments, which some SDKs call `...InitArgs` to avoid a clash."""
    module = importlib.import_module(resource.__module__)
    for suffix in ("InitArgs", "Args"):
        found = getattr(module, f"{resource.__name__}{suffix}", None)
        if isinstance(found, type) and sdk.is_input_type(found):
            return found
    return None


def problems(token: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """What the SDK's own description says against `inputs` (camelCase, secrets unwrapped), as sentences."""
    resource = resource_class(token)
    described = resource and arguments_class(resource)
    if described is None:
        yield f"no installed SDK describes {token}"
        return
    yield from _against_class("", _decoded(inputs) if token.startswith("pulumi:providers:") else inputs, described)


def _decoded(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a provider travel as JSON text, unless they are texts themselves."""
    decoded: dict[str, Any] = {}
    for key, value in inputs.items():
        try:
            decoded[key] = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            decoded[key] = value
    return decoded


def _member(module: str, name: str, base: type) -> Any:
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:
        return None
    return found if isinstance(found, type) and issubclass(found, base) else None


def _against_class(path: str, value: Mapping[str, Any], described: type) -> Iterator[str]:
    known = sdk.input_type_types(described)
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        if key not in known:
            yield f"{here} is not an argument (known: {', '.join(sorted(known))})"
        elif item is not None:
            yield from _against(here, item, known[key])
    for key in sorted(sdk._required_property_names(described) - set(value)):
        yield f"{path}.{key} is missing" if path else f"{key} is missing"


def _against(path: str, value: object, annotation: Any) -> Iterator[str]:
    if value == UNKNOWN or (isinstance(value, Mapping) and OPAQUE in value):
        return
    choices = [choice for choice in _choices(annotation) if choice is not NoneType]
    attempts = [list(_against_choice(path, value, choice)) for choice in choices]
    if attempts and all(attempts):
        # The attempt with the fewest complaints is the one that was meant.
        yield from min(attempts, key=len)


def _choices(annotation: Any) -> Iterator[Any]:
    """The members of a union without what only exists on the way to the engine: awaitables and outputs."""
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        for member in get_args(annotation):
            yield from _choices(member)
    elif get_origin(annotation) not in (collections.abc.Awaitable, pulumi.Output) and annotation is not pulumi.Output:
        yield annotation


def _against_choice(path: str, value: object, choice: Any) -> Iterator[str]:
    origin = get_origin(choice)
    if choice is Any or choice is object:
        return
    if origin in (collections.abc.Sequence, list):
        if not isinstance(value, list):
            yield f"{path} is {_kind(value)}, not a list"
            return
        for index, item in enumerate(value):
            yield from _against(f"{path}[{index}]", item, get_args(choice)[0])
    elif origin in (collections.abc.Mapping, dict):
        if not isinstance(value, Mapping):
            yield f"{path} is {_kind(value)}, not an object"
            return
        for key, item in value.items():
            yield from _against(f"{path}.{key}", item, get_args(choice)[1])
    elif isinstance(choice, type) and sdk.is_input_type(choice):
        if isinstance(value, Mapping):
            yield from _against_class(path, value, choice)
        else:
            yield f"{path} is {_kind(value)}, not an object"
    elif isinstance(choice, type) and not _is(value, choice):
        yield f"{path} is {_kind(value)}, not {_name(choice)}"


def _is(value: object, kind: type) -> bool:
    if issubclass(kind, Enum):
        return value in [member.value for member in kind]
    if kind is bool:
        return isinstance(value, bool)
    if kind is int:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, str)
    # Assets and archives, which are opaque by now, and whatever else an SDK may invent.
    return kind not in (list, dict)


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {value}"
        case int() | float():
            return f"the number {value:g}"
        case str():
            return f"the text {value!r}"
        case list():
            return "a list"
        case _:
            return "an object"


def _name(kind: type) -> str:
    return {str: "a text", int: "a whole number", float: "a number", bool: "a boolean"}.get(kind, kind.__name__)
