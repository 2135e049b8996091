"""Reading the inputs of a resource as what they are meant to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infra.components.protocol import Plain, PlainProperties, ProviderError, Unknown


def text(inputs: PlainProperties, key: str) -> str:
    """The text under `key`."""
    value = inputs.get(key)
    if not isinstance(value, str):
        raise ProviderError(f"{key} must be a text, not {_kind(value)}")
    return value


def path(inputs: PlainProperties, key: str) -> Path:
    """The path under `key`."""
    return Path(text(inputs, key))


def number(inputs: PlainProperties, key: str) -> float:
    """The number under `key`."""
    value = inputs.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProviderError(f"{key} must be a number, not {_kind(value)}")
    return value


def whole(inputs: PlainProperties, key: str) -> int:
    """The whole number under `key`."""
    value = number(inputs, key)
    if value != int(value):
        raise ProviderError(f"{key} must be a whole number, not {value}")
    return int(value)


def flag(inputs: PlainProperties, key: str) -> bool:
    """The boolean under `key`."""
    value = inputs.get(key)
    if not isinstance(value, bool):
        raise ProviderError(f"{key} must be true or false, not {_kind(value)}")
    return value


def words(inputs: PlainProperties, key: str) -> tuple[str, ...]:
    """The list of texts under `key`."""
    value = inputs.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ProviderError(f"{key} must be a list of texts, not {_kind(value)}")
    return tuple(str(item) for item in value)


def table(inputs: PlainProperties, key: str) -> Mapping[str, str]:
    """The object under `key`, all of whose values are texts."""
    value = inputs.get(key)
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ProviderError(f"{key} must be an object whose values are texts, not {_kind(value)}")
    return {name: str(item) for name, item in value.items()}


def is_known(value: Plain) -> bool:
    """Whether a preview can look at the value."""
    return not isinstance(value, Unknown)


def _kind(value: Plain) -> str:
    # Never the value itself: it may be a secret.
    return "nothing" if value is None else type(value).__name__


__all__ = ["flag", "is_known", "number", "path", "table", "text", "whole", "words"]
