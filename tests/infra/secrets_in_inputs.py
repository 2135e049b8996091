"""Secrets in the inputs of resources: which are kept as secrets, and which are exposed in plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.runtime import rpc

SECRET_MARK = "plain-text-of-secret:"
"""Every secret value that the mocks make starts like this; outside of a secret, in any input, it is a failure."""

_SECRET_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*(PASSWORD|SECRET|KEY|TOKEN|URI|SALT|SEED)")


def made_secret(value: object) -> dict[str, Any]:
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": value}


def is_secret(value: object) -> bool:
    return isinstance(value, Mapping) and value.get(rpc._special_sig_key) == rpc._special_secret_sig


def plain(value: Any) -> Any:
    """The same value with secrets unwrapped and whole numbers as integers."""
    if is_secret(value):
        return plain(value.get("value"))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def secret_paths(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Paths of the secrets inside a value."""
    if is_secret(value):
        yield path, value["value"]
        return
    for key, item in _items(value):
        yield from secret_paths(f"{path}.{key}".lstrip("."), item)


def exposed(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Plain-text secrets: values that the mocks made as secrets, and environment variables that are secrets by name."""
    if is_secret(value):
        return
    if isinstance(value, str):
        if SECRET_MARK in value:
            yield path, "carries a secret in plain text: keep it an Output.secret on its way"
        yield from _exposed_variables(path, value)
        return
    if isinstance(value, Mapping):
        variable, content = value.get("name"), value.get("value")
        if isinstance(variable, str) and isinstance(content, str) and content and _SECRET_VARIABLE.fullmatch(variable):
            yield path, f"sets the environment variable {variable} in plain text: pass it by reference to a secret"
    for key, item in _items(value):
        yield from exposed(f"{path}.{key}".lstrip("."), item)


def _exposed_variables(path: str, text: str) -> Iterator[tuple[str, str]]:
    """The same inside of JSON text, such as container definitions."""
    if text[:1] not in ("{", "["):
        return
    try:
        inside = json.loads(text)
    except ValueError:
        return
    yield from ((f"{path}: {place}", problem) for place, problem in exposed("", inside) if "variable" in problem)


def _items(value: Any) -> Iterator[tuple[object, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
