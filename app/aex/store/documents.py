"""The rules for documents, ids and arguments that hold on every backend, so that none is laxer than another.

Owns validation and the JSON text form. Does not own what backends add to a document (`HIDDEN_TTL`, versions).
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import cast

import orjson

from aex.store.port import MAX_DOCUMENT_BYTES, MAX_ID_BYTES, Document, InvalidDocument

HIDDEN_TTL = "_ttl"
"""Field under which MongoDB and Firestore get a collection's `ttl` time as a date."""

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_MAX_DEPTH = 15  # Firestore refuses more than 20 levels of maps and lists
_MAX_KEY = 512
_INT_LOW, _INT_HIGH = -(2**63), 2**63 - 1
_good_fields: set[str] = set()  # the few hundred names our code uses, so that the pattern runs once for each

_good_keys: set[object] = set()  # the same for keys inside of objects


def is_id(id: str) -> bool:
    """Whether a document could have this id."""
    if not 0 < len(id) <= MAX_ID_BYTES:
        return False
    try:
        return len(id.encode()) <= MAX_ID_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def check_id(id: str) -> None:
    """Raise `InvalidDocument` unless a document may have this id."""
    if not is_id(id):
        raise InvalidDocument(f"an id is 1 to {MAX_ID_BYTES} bytes of text, not {id[:40]!r} ({len(id)} characters)")


def check_document(doc: Document) -> None:
    """Raise `InvalidDocument`, naming the field, if a backend could not keep this document exactly."""
    for name, value in doc.items():
        if name not in _good_fields:
            check_field(name)
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if kind is int:
            _check_int(name, value)
        else:
            _check_value(name, value, depth=1)


def check_field(name: str) -> None:
    """Raise `InvalidDocument` unless a top-level field may have this name."""
    if not _FIELD.fullmatch(name):
        raise InvalidDocument(f"field {name[:40]!r}: names begin with a letter, then letters, digits and underscores")
    if len(_good_fields) < 4096:
        _good_fields.add(name)


def check_amounts(amounts: Mapping[str, int]) -> None:
    """Raise `InvalidDocument` unless these can be added to a document."""
    if not amounts:
        raise InvalidDocument("an increment needs at least one field")
    for name, amount in amounts.items():
        check_field(name)
        if type(amount) is not int:
            raise InvalidDocument(f"field {name}: only integers can be added, not {amount!r}")
        _check_int(name, amount)


def check_scalars(where: Mapping[str, object]) -> None:
    """Raise `InvalidDocument` for a value that backends do not compare alike (null, lists, NaN)."""
    for name, value in where.items():
        if not isinstance(value, str | int | float | bool) or (isinstance(value, float) and not math.isfinite(value)):
            raise InvalidDocument(f"where {name}: only text, numbers and booleans are compared, not {value!r}")
        if isinstance(value, str):
            check_text(name, value)
        elif isinstance(value, int):
            _check_int(name, value)


def check_text(name: str, value: str) -> None:
    """Raise `InvalidDocument` for text that has no UTF-8 form."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidDocument(f"{name}: text with half of a surrogate pair can not be stored") from error


def encode(doc: Document) -> bytes:
    """JSON text of a checked document. Raises `InvalidDocument` if it is too big or holds what JSON has not."""
    try:
        text = orjson.dumps(doc)
    except TypeError as error:  # orjson's error derives from it
        raise InvalidDocument(f"document can not be stored: {error}") from error
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidDocument(f"document has {len(text)} bytes of JSON text, more than {MAX_DOCUMENT_BYTES}")
    return text


def ttl_date(doc: Document, field: str | None) -> datetime | None:
    """The time in the collection's `ttl` field as a date, or None when the document does not age out."""
    value = doc.get(field) if field else None
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            value = value[:40]
    raise InvalidDocument(f"field {field}: must hold a time such as 2026-11-24T22:55:49.123456Z, not {value!r}")


def _check_int(name: str, value: object) -> None:
    if not (isinstance(value, int) and _INT_LOW <= value <= _INT_HIGH):
        raise InvalidDocument(f"field {name}: integers must fit 64 bits with sign")


def _check_value(name: str, value: object, depth: int) -> None:
    if isinstance(value, str | bool) or value is None:
        return
    if depth > _MAX_DEPTH and isinstance(value, dict | list):
        raise InvalidDocument(f"field {name}: nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in cast("dict[object, object]", value).items():
            if key not in _good_keys:
                _check_key(name, key)
            if type(item) is not str:
                _check_value(name, item, depth + 1)
    elif isinstance(value, int):
        _check_int(name, value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidDocument(f"field {name}: {value} is no JSON number")
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            if isinstance(item, list):
                raise InvalidDocument(f"field {name}: a list directly inside a list can not be stored on Firestore")
            _check_value(name, item, depth + 1)
    else:
        raise InvalidDocument(f"field {name}: {type(value).__name__} is no JSON value")


def _check_key(name: str, key: object) -> None:
    if not isinstance(key, str) or not 0 < len(key) <= _MAX_KEY:
        raise InvalidDocument(f"field {name}: keys are 1 to {_MAX_KEY} characters of text")
    if key[0] == "$" or key[:2] == "__" or "." in key or "\0" in key:
        raise InvalidDocument(f"field {name}: key {key[:40]!r} begins with $ or __, or has a dot or NUL in it")
    if len(_good_keys) < 4096:
        _good_keys.add(key)
