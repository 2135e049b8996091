"""Reading the fields of stored documents with their types, so that services need neither casts nor a second validation.

What we stored was valid when it was written; a field of another type is a bug and raises `TypeError`.
"""

from collections.abc import Mapping
from typing import TypeVar

from aex.store.port import Document, JsonValue

T = TypeVar("T", bool, int, str)


def text(doc: Mapping[str, JsonValue], name: str, default: str = "") -> str:
    """A text field; `default` when it is absent."""
    return _typed(doc, name, str, default)


def number(doc: Mapping[str, JsonValue], name: str, default: int = 0) -> int:
    """An integer field; `default` when it is absent."""
    return _typed(doc, name, int, default)


def flag(doc: Mapping[str, JsonValue], name: str) -> bool:
    """A boolean field; False when it is absent."""
    return _typed(doc, name, bool, False)


def real(doc: Mapping[str, JsonValue], name: str, default: float = 0.0) -> float:
    """A number, whole or not; `default` when it is absent."""
    value = doc.get(name)
    if value is None:
        return default
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise TypeError(f"field {name} holds {type(value).__name__}, not a number")


def texts(doc: Mapping[str, JsonValue], name: str) -> list[str]:
    """A list of texts, a copy; empty when it is absent."""
    value = doc.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError(f"field {name} holds {type(value).__name__}, not a list")
    return [item for item in value if isinstance(item, str)]


def objects(doc: Mapping[str, JsonValue], name: str) -> list[Document]:
    """A list of objects, a new list; empty when it is absent."""
    value = doc.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError(f"field {name} holds {type(value).__name__}, not a list")
    return [item for item in value if isinstance(item, dict)]


def nested(doc: Mapping[str, JsonValue], name: str) -> Document:
    """An object field; empty when it is absent."""
    value = doc.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"field {name} holds {type(value).__name__}, not an object")
    return value


def _typed(doc: Mapping[str, JsonValue], name: str, kind: type[T], default: T) -> T:
    value = doc.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"field {name} holds {type(value).__name__}, not {kind.__name__}")
    return value


__all__ = ["flag", "nested", "number", "objects", "real", "text", "texts"]
