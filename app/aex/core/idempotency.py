"""Idempotency keys of clients: the same key and the same body mean the same thing, made once.

A create that honours one derives the new thing's id from (who calls, the key) and keeps the body's fingerprint in it:
a repeat finds the thing by its id; a repeat with another body is a 409.
"""

import hashlib
import re
from typing import Annotated

import orjson
from fastapi import Depends, Header
from pydantic import BaseModel

from aex.core.errors import ApiError, bad_request, conflict

_KEY = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)


async def _key(
    x_idempotency_key: Annotated[str | None, Header(description="makes this request safe to repeat")] = None,
    idempotency_key: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> str | None:
    key = x_idempotency_key or idempotency_key
    if not key:
        return None
    if not _KEY.fullmatch(key):
        raise bad_request("X-Idempotency-Key must be 1 to 200 printable ASCII characters without spaces")
    return key


IdempotencyKey = Annotated[str | None, Depends(_key)]
"""Route parameter: `X-Idempotency-Key` (or `Idempotency-Key`), None when the client sent none."""


def fingerprint(body: BaseModel) -> str:
    """64 hex digits that are equal for equal bodies, whatever the order of their fields."""
    return hashlib.sha256(orjson.dumps(body.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).hexdigest()


def key_reused() -> ApiError:
    """409: the key belongs to another request."""
    return conflict("this idempotency key was used for a different request; use a new key", "idempotency_key_reused")


__all__ = ["IdempotencyKey", "fingerprint", "key_reused"]
