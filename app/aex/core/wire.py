"""JSON in and out, as tolerant as the contract asks (1.4) and no more.

In: unknown fields ignored, `null` equals absent, names match case-insensitively; a string where a number belongs is an
error. Out: one response class on orjson. Free-form client JSON is checked to be storable and kept as text.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import orjson
from fastapi import Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue, WithJsonSchema, model_validator

from aex.core import money
from aex.core.clock import parse_rfc3339, stamp

MAX_DEPTH = 32
"""Levels of nesting in free-form JSON; Firestore's own limit for a document is 20, but such JSON is stored as text."""


class Wire(BaseModel):
    """Base of every request body."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)
    _folded: ClassVar[dict[str, str]] = {}
    _declared: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Keep the case-folded names once per model, not once per request."""
        super().__pydantic_init_subclass__(**kwargs)
        cls._declared = frozenset(cls.model_fields)
        cls._folded = {(field.alias or name).lower(): field.alias or name for name, field in cls.model_fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _decode_like_the_contract(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        if data.keys() <= cls._declared and None not in data.values():
            # Written as declared, as nearly every body is.
            return data  # pyright: ignore[reportUnknownVariableType] - JSON before validation
        body: dict[str, object] = {}
        for key, value in data.items():  # pyright: ignore[reportUnknownVariableType] - JSON before validation
            if value is not None and isinstance(key, str):
                body[cls._folded.get(key.lower(), key)] = value
        return body


def _clean(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain U+0000")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode (it has half of a surrogate pair)") from error
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _price(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return money.micro_from_number(value)


def _positive(micro: int) -> int:
    if micro <= 0:
        raise ValueError("must be greater than 0")
    return micro


def _amount(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError('must be a string holding a decimal, such as "12.50"')
    return money.micro_from_text(value)


def _time(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be an RFC 3339 time such as 2026-11-24T22:55:49Z")
    return stamp(parse_rfc3339(value))


def _storable(value: JsonValue, depth: int = 0) -> JsonValue:
    if depth > MAX_DEPTH:
        raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
    match value:
        case str():
            _clean(value)
        case float() if not math.isfinite(value):
            raise ValueError("must not hold NaN or an infinity")
        case int() if not -(2**63) <= value < 2**63:
            raise ValueError("must not hold integers beyond 64 bits")
        case list():
            for item in value:
                _storable(item, depth + 1)
        case dict():
            for key, item in value.items():
                _clean(key)
                _storable(item, depth + 1)
        case _:
            pass
    return value


def _storable_object(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _storable(value)
    return value


Text = Annotated[str, AfterValidator(_clean)]
"""Any storable text."""
Name = Annotated[str, AfterValidator(_clean), AfterValidator(_not_blank)]
"""Text that is not blank."""
Price = Annotated[
    int, BeforeValidator(_price), AfterValidator(_positive), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})
]
"""A positive JSON number, in micro-units once validated."""
Amount = Annotated[
    int, BeforeValidator(_amount), AfterValidator(_positive), WithJsonSchema({"type": "string", "examples": ["12.50"]})
]
"""A positive decimal string, in micro-units once validated."""
Moment = Annotated[str, BeforeValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An RFC 3339 time, a stored stamp once validated."""
FreeObject = Annotated[dict[str, JsonValue], AfterValidator(_storable_object)]
"""A client's own JSON object; store it with `pack`."""
FreeValue = Annotated[JsonValue, AfterValidator(_storable)]
"""A client's own JSON value; store it with `pack`."""


def pack(value: JsonValue) -> str:
    """Free-form JSON as the text that is stored (Firestore knows no arrays of arrays, DocumentDB no dotted keys)."""
    return orjson.dumps(value).decode()


def unpack(text: str | None) -> JsonValue:
    """The inverse of `pack`; None stays None."""
    return None if text is None else orjson.loads(text)


class Json(Response):
    """A JSON answer; `content` is anything that orjson knows."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """`content` in one pass; the contract ends every body with a newline."""
        return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def present(fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` without those that are None: the contract's optional fields are absent, not null."""
    return {name: value for name, value in fields.items() if value is not None}


__all__ = [
    "Amount",
    "FreeObject",
    "FreeValue",
    "Json",
    "Moment",
    "Name",
    "Price",
    "Text",
    "Wire",
    "pack",
    "present",
    "unpack",
]
