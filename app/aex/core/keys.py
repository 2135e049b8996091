"""API keys: made once, shown once, stored as a peppered hash that names the pepper's version.

The pepper (`API_KEY_SALT`) is a comma list of `version:secret`, newest first; a bare secret is version 1. A hash made
with an older version still verifies and is then rehashed by the caller, so that a rotation asks nothing of clients.
Keys have at least 192 random bits, so one HMAC-SHA-256 is enough: there is no password to guess.
"""

import hashlib
import hmac
import secrets
from typing import NamedTuple

from pydantic import SecretStr

from aex.core.versions import secret_versions


class Verdict(NamedTuple):
    """What comparing a key with a stored hash gave."""

    valid: bool
    stale: bool
    """The hash was made with an older pepper: store `Pepper.hash(key)` instead."""


class Pepper:
    """The secrets that key hashes are made with."""

    def __init__(self, configured: SecretStr | str) -> None:
        secrets_of = secret_versions(configured, "API_KEY_SALT")
        self._versions = {version: secret.encode() for version, secret in secrets_of.items()}
        self._newest = next(iter(self._versions))

    @property
    def newest(self) -> str:
        """The version that new hashes are made with."""
        return self._newest

    def derive(self, version: str, *causes: str) -> str | None:
        """64 hex digits that only who holds the pepper can compute from `causes`; None when `version` is gone."""
        if version not in self._versions:
            return None
        return self._digest(version, "\x1f".join(("derived", *causes)))

    def hash(self, key: str) -> str:
        """`<version>$<64 hex digits>` with the newest pepper."""
        return f"{self._newest}${self._digest(self._newest, key)}"

    def verify(self, key: str, stored: str) -> Verdict:
        """Compares in constant time; a hash with a pepper that is gone is simply not valid."""
        version, _, digest = stored.partition("$")
        if version not in self._versions:
            return Verdict(valid=False, stale=False)
        valid = hmac.compare_digest(digest, self._digest(version, key))
        return Verdict(valid=valid, stale=valid and version != self._newest)

    def _digest(self, version: str, key: str) -> str:
        return hmac.new(self._versions[version], key.encode(), hashlib.sha256).hexdigest()


def new_key(prefix: str, public_part: str) -> str:
    """`prefix` + `public_part` + 48 hex digits (192 random bits).

    The public part is how the record is found without a search; it is not secret.
    """
    return prefix + public_part + secrets.token_hex(24)


__all__ = ["Pepper", "Verdict", "new_key"]
