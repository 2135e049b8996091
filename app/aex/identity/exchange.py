"""Exchanging an API key for a short-lived token (contract 2.6; design: `POST /v1/tokens`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aex.core import fields
from aex.core.clock import Clock, from_stamp, stamp
from aex.core.errors import forbidden
from aex.core.ids import new_id
from aex.core.scopes import lacking
from aex.core.tokens import TokenKeys
from aex.identity.keys import Keys


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was just made. `expires_at` is a stamp, `seconds` its life."""

    text: str = field(repr=False)
    seconds: int
    expires_at: str
    scopes: list[str]


class Exchange:
    """Makes tokens for who has a key."""

    def __init__(self, keys: Keys, secrets: TokenKeys, clock: Clock) -> None:
        self._keys = keys
        self._secrets = secrets
        self._clock = clock

    async def token(self, api_key: str, scopes: Sequence[str] | None, seconds: int) -> Token:
        """A token that names the key, lives no longer and can do no more. 401 for a bad key, 403 for scopes."""
        key, tenant = await self._keys.check(api_key=api_key)
        held = fields.texts(key.doc, "scopes")
        wanted = [*scopes] if scopes else held
        missing = lacking(held, wanted)
        if missing:
            raise forbidden(f"the key does not have these scopes: {', '.join(missing)}", "insufficient_scope")
        now = int(self._clock().timestamp())
        end = now + seconds
        if key_end := fields.text(key.doc, "expires_at"):
            end = min(end, int(from_stamp(key_end).timestamp()))
        claims = {"sub": tenant.id, "key_id": key.id, "scopes": wanted, "iat": now, "exp": end, "jti": new_id("")}
        moment = stamp(datetime.fromtimestamp(end, tz=UTC))
        return Token(self._secrets.sign(claims), end - now, moment, wanted)


__all__ = ["Exchange", "Token"]
