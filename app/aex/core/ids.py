"""Identifiers: random ones, and ones derived from what caused the thing, so that a retry names the same thing."""

import hashlib
import re
import secrets

ID_PATTERN = r"^[A-Za-z0-9_.:@-]{1,128}$"
"""What any identifier from a client must look like: safe as a document id in every backend and in a URL path."""

_ID = re.compile(ID_PATTERN)


def new_id(prefix: str) -> str:
    """`prefix` and 128 random bits in hex. The contract's 64 bits are a minimum; clients treat ids as opaque."""
    return prefix + secrets.token_hex(16)


def derived_id(prefix: str, *causes: str) -> str:
    """`prefix` and 128 bits of SHA-256 over `causes`: the same causes give the same id, on any instance."""
    return prefix + hashlib.sha256("\x1f".join(causes).encode()).hexdigest()[:32]


def is_id(text: str) -> bool:
    """Whether `text` can be an identifier at all; what cannot is 'not found' without asking the store."""
    return bool(_ID.match(text)) and text not in {".", ".."} and not text.startswith("__")


__all__ = ["ID_PATTERN", "derived_id", "is_id", "new_id"]
