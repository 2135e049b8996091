"""JSON documents as Firestore's messages and back, and ids as document names.

Owns the encoding: hidden fields (`_w`, `_ttl`), escaping of ids, versions out of update times. Sends nothing.

A version is the document's update time in microseconds, which is what Firestore compares. Because a write that changes
nothing leaves the update time as it is, every write also carries a token of its own in `_w`; it tells a writer, too,
whether a try whose answer was lost had arrived.
"""

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast
from urllib.parse import unquote

from google.cloud.firestore_v1 import types

from aex.store.documents import HIDDEN_TTL
from aex.store.port import Document, JsonValue, Scalar, Stored

TOKEN = "_w"  # noqa: S105 -- the name of a field, not a secret
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ESCAPED = re.compile(r"[%/\x00-\x1f\x7f]")
_WHOLE_NAME_RESERVED = re.compile(r"\.\.?|__.*__", re.S)


class RawTime(Protocol):
    """protobuf's Timestamp."""

    seconds: int
    nanos: int


class RawValue(Protocol):
    """Firestore's Value, as protobuf has it: the library's wrapper around it costs ten times as much."""

    null_value: int
    boolean_value: bool
    integer_value: int
    double_value: float
    string_value: str

    @property
    def timestamp_value(self) -> RawTime: ...

    @property
    def map_value(self) -> "RawMap": ...

    @property
    def array_value(self) -> "RawArray": ...

    def WhichOneof(self, oneof_group: str) -> str | None: ...


class RawMap(Protocol):
    """Firestore's MapValue."""

    @property
    def fields(self) -> MutableMapping[str, RawValue]: ...

    def SetInParent(self) -> None: ...


class RawValues(Protocol):
    """A repeated field."""

    def __iter__(self) -> Iterator[RawValue]: ...

    def add(self) -> RawValue: ...


class RawArray(Protocol):
    """Firestore's ArrayValue."""

    @property
    def values(self) -> RawValues: ...

    def SetInParent(self) -> None: ...


class RawDocument(Protocol):
    """Firestore's Document."""

    name: str

    @property
    def fields(self) -> MutableMapping[str, RawValue]: ...

    @property
    def update_time(self) -> RawTime: ...


class RawWriteResult(Protocol):
    """Firestore's WriteResult."""

    @property
    def update_time(self) -> RawTime: ...


class _MessageType(Protocol):
    """What the library's message classes have in common, which its own types leave open."""

    def pb(self, obj: object) -> object: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A document as it is in the database, with the token of its last write (empty after an increment created it)."""

    stored: Stored
    token: str


def escape(id: str) -> str:
    """The id as the last part of a document's name. Reversible; plain ids stay as they are."""
    escaped = _ESCAPED.sub(lambda match: f"%{ord(match[0]):02X}", id)
    if _WHOLE_NAME_RESERVED.fullmatch(escaped):
        return f"%{ord(escaped[0]):02X}{escaped[1:]}"
    return escaped


def document(name: str, doc: Document, token: str, ttl: datetime | None) -> types.Document:
    """The message that stores `doc` under this name."""
    message = types.Document(name=name)
    fields = raw_document(message).fields
    for key, value in doc.items():
        _fill(fields[key], value)
    fields[TOKEN].string_value = token
    if ttl is not None:
        since = ttl - _EPOCH
        fields[HIDDEN_TTL].timestamp_value.seconds = since // timedelta(seconds=1)
        fields[HIDDEN_TTL].timestamp_value.nanos = since.microseconds * 1000
    return message


def scalar(value: Scalar) -> types.Value:
    """A value to compare with."""
    message = types.Value()
    _fill(cast("RawValue", _raw(message)), value)
    return message


def found(message: RawDocument) -> Found:
    """What was read."""
    fields = message.fields
    doc: Document = {name: _read(value) for name, value in fields.items() if name[0] != "_"}
    token = fields[TOKEN].string_value if TOKEN in fields else ""
    id = unquote(message.name.rpartition("/")[2])
    return Found(Stored(id, version(message.update_time), doc), token)


def raw_document(message: types.Document) -> RawDocument:
    """Protobuf's message inside the library's."""
    return cast("RawDocument", _raw(message))


def version(time: RawTime) -> int:
    """Microseconds since 1970."""
    return time.seconds * 1_000_000 + time.nanos // 1000


def written_version(result: types.WriteResult) -> int:
    """The version that a write gave its document."""
    return version(cast("RawWriteResult", _raw(result)).update_time)


def precondition(version: int) -> types.Precondition:
    """The document must still be in this version."""
    seconds, micros = divmod(version, 1_000_000)
    return types.Precondition(update_time={"seconds": seconds, "nanos": micros * 1000})


def integers(values: Sequence[types.Value]) -> list[int]:
    """The results of increments."""
    return [cast("RawValue", _raw(value)).integer_value for value in values]


def _raw(message: object) -> object:
    return cast("_MessageType", type(message)).pb(message)


def _fill(raw: RawValue, value: JsonValue) -> None:
    match value:
        case None:
            raw.null_value = 0
        case bool():
            raw.boolean_value = value
        case int():
            raw.integer_value = value
        case float():
            raw.double_value = value
        case str():
            raw.string_value = value
        case list():
            raw.array_value.SetInParent()
            values = raw.array_value.values
            for item in value:
                _fill(values.add(), item)
        case dict():
            raw.map_value.SetInParent()
            fields = raw.map_value.fields
            for key, item in value.items():
                _fill(fields[key], item)


def _read(raw: RawValue) -> JsonValue:
    match raw.WhichOneof("value_type"):
        case "boolean_value":
            return raw.boolean_value
        case "integer_value":
            return raw.integer_value
        case "double_value":
            return raw.double_value
        case "string_value":
            return raw.string_value
        case "array_value":
            return [_read(item) for item in raw.array_value.values]
        case "map_value":
            return _read_map(raw.map_value.fields)
        case _:
            return None


def _read_map(fields: Mapping[str, RawValue]) -> JsonValue:
    return {key: _read(item) for key, item in fields.items()}
