"""Page cursors: opaque text for the position after one document of one query.

Owns the encoding and its validation. A cursor carries a fingerprint of its query, so one that was made by another
query, cut short or invented is `BadCursor` rather than a wrong page. It is no secret and grants nothing: the query's
own conditions apply to every page.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import cast

import orjson

from aex.store.port import BadCursor, Scalar, Stored

_MAX_LENGTH = 8192


def encode(last: Stored, collection: str, where: Mapping[str, Scalar], order: str) -> str:
    """Cursor of the page that follows `last`."""
    position = orjson.dumps([last.doc[order.removeprefix("-")], last.id])
    digest = _fingerprint(collection, where, order, position)
    return urlsafe_b64encode(digest + position).rstrip(b"=").decode()


def decode(cursor: str, collection: str, where: Mapping[str, Scalar], order: str) -> tuple[str, str]:
    """(order value, id) of the document to continue after. Raises `BadCursor`."""
    if len(cursor) > _MAX_LENGTH:
        raise BadCursor("the cursor is too long; use the one of the previous answer unchanged")
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadCursor("the cursor is not valid; use the one of the previous answer unchanged") from error
    digest, position = raw[:8], raw[8:]
    if digest != _fingerprint(collection, where, order, position):
        raise BadCursor("the cursor belongs to another query; start again without one")
    value, id = cast("list[str]", orjson.loads(position))
    return value, id


def _fingerprint(collection: str, where: Mapping[str, Scalar], order: str, position: bytes) -> bytes:
    query = orjson.dumps([collection, sorted(where.items()), order])
    return blake2b(query + b"\0" + position, digest_size=8).digest()
