"""Whether a credential is valid: identity says so, and its word is kept for seconds.

An API key is asked about at most every `FRESH_SECONDS`, so that a revoked key is refused within that time; when
identity does not answer, a key that was good a moment ago stays good for `STALE_SECONDS`. Tokens are verified here, and
the key they were made from is asked about the same way. Credentials are remembered by a digest, never as they are.
"""

import asyncio
import hashlib
from dataclasses import dataclass

from aex.core.clock import Clock
from aex.core.errors import ApiError, unauthorized, unavailable
from aex.core.logging import get_logger
from aex.core.peers import Peer
from aex.core.scopes import lacking
from aex.core.tokens import Claims, InvalidToken, TokenKeys
from aex.gateway.counters import Counters
from aex.gateway.principals import Principal, Principals
from aex.store import JsonValue

log = get_logger(__name__)

FRESH_SECONDS = 5.0
"""How long a revoked key may go on: "within seconds"."""
STALE_SECONDS = 30.0
"""How long a good key stays good while identity does not answer."""
REFUSED_SECONDS = 2.0
"""How long a refusal is remembered: guessing costs identity little, a reactivated tenant waits little."""
_RETRY_SECONDS = 1.0
"""Between two questions about one credential while identity does not answer."""
_DEADLINE_SECONDS = 3.0
_MAX_ENTRIES = 10_000
_MAX_CHARACTERS = 8192
"""Of a credential: a token lists at most 50 scopes of 64 characters."""
VALIDATE_PATH = "/internal/v1/apikeys/validate"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client presented: an API key, or one of our tokens."""

    text: str
    is_token: bool

    def digest(self) -> bytes:
        """Names it in the cache without being it."""
        return hashlib.blake2b(
            self.text.encode(), digest_size=16, person=b"token" if self.is_token else b"key"
        ).digest()

    def __repr__(self) -> str:
        return "Credential(...)"


@dataclass(slots=True)
class _Known:
    principal: Principal
    fresh_until: float
    stale_until: float
    expires: float
    """The token's own end; never for keys."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    code: str
    message: str


class Authenticator:
    """Answers who a credential stands for. Both caches are bounded, and refusals cannot push out what is good."""

    def __init__(
        self, identity: Peer, tokens: TokenKeys, principals: Principals, clock: Clock, counters: Counters
    ) -> None:
        self._identity = identity
        self._tokens = tokens
        self._principals = principals
        self._clock = clock
        self._counters = counters
        self._known: dict[bytes, _Known] = {}
        self._refused: dict[bytes, _Refusal] = {}
        self._asking: dict[bytes, asyncio.Task[Principal]] = {}

    def remembered(self, digest: bytes, now: float) -> Principal | None:
        """The principal, if it was confirmed within the last seconds: the path of nearly every request."""
        known = self._known.get(digest)
        if known is None or now >= known.fresh_until or now >= known.expires:
            return None
        self._counters.known.inc()
        return known.principal

    def was_good(self, digest: bytes) -> bool:
        """Whether this credential was valid when it was last asked about."""
        return digest in self._known

    async def resolve(self, credential: Credential, digest: bytes) -> Principal:
        """Asks identity, once for all who wait. 401 when the credential opens nothing, 503 when nobody can say."""
        refusal = self._refused.get(digest)
        if refusal is not None and self._now() < refusal.until:
            self._counters.invalid.inc()
            raise unauthorized(refusal.message, refusal.code)
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._ask(credential, digest))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._answered(digest, done))
        # Shielded: one client that hangs up must not take the answer from the others.
        return await asyncio.shield(task)

    def _answered(self, digest: bytes, task: asyncio.Task[Principal]) -> None:
        self._asking.pop(digest, None)
        if not task.cancelled():
            task.exception()  # seen, even where everybody who waited for it has left

    async def _ask(self, credential: Credential, digest: bytes) -> Principal:
        try:
            claims = self._claims(credential)
            answer = await self._validate(credential, claims)
        except ApiError as error:
            if error.status == 401:
                self._known.pop(digest, None)
                _bound(self._refused)
                self._refused[digest] = _Refusal(self._now() + REFUSED_SECONDS, error.code, error.message)
                self._counters.invalid.inc()
                raise
            return self._stale(digest, error)
        now = self._now()
        principal = self._principals.make(answer, None if claims is None else claims.scopes, now)
        self._known.pop(digest, None)
        _bound(self._known)
        expires = float("inf") if claims is None else claims.expires
        self._known[digest] = _Known(principal, now + FRESH_SECONDS, now + STALE_SECONDS, expires)
        self._refused.pop(digest, None)
        self._counters.valid.inc()
        return principal

    def _claims(self, credential: Credential) -> Claims | None:
        if len(credential.text) > _MAX_CHARACTERS:
            raise unauthorized("the credential is too long to be one of this exchange", "invalid_api_key")
        if not credential.is_token:
            return None
        try:
            return self._tokens.verify(credential.text, self._now())
        except InvalidToken as error:
            raise unauthorized(str(error), "invalid_token") from None

    async def _validate(self, credential: Credential, claims: Claims | None) -> dict[str, JsonValue]:
        question: dict[str, JsonValue] = {"api_key": credential.text} if claims is None else {"key_id": claims.key_id}
        reply = await self._identity.call(
            "POST", VALIDATE_PATH, json=question, repeatable=True, deadline=_DEADLINE_SECONDS
        )
        if reply.status == 401:
            if claims is None:
                raise unauthorized("Invalid API key", "invalid_api_key")
            raise unauthorized("the key that this token was made from is no longer valid", "invalid_token")
        if not reply.ok:
            raise unavailable("Authentication service unavailable", code="auth_error")
        answer = reply.object()
        if answer.get("valid") is not True:
            raise unauthorized("Invalid API key", "invalid_api_key")
        if claims is not None:
            held = answer.get("scopes")
            held = [scope for scope in held if isinstance(scope, str)] if isinstance(held, list) else []
            if answer.get("tenant_id") != claims.tenant_id or lacking(held, claims.scopes):
                raise unauthorized("the token says more than its key may", "invalid_token")
        return answer

    def _stale(self, digest: bytes, error: ApiError) -> Principal:
        known, now = self._known.get(digest), self._now()
        if known is None or now >= known.stale_until or now >= known.expires:
            self._counters.unavailable.inc()
            log.warning("credential not checked: identity does not answer", reason=error.message)
            raise unavailable("Authentication service unavailable", code="auth_error") from error
        known.fresh_until = min(now + _RETRY_SECONDS, known.stale_until)
        self._counters.stale.inc()
        return known.principal

    def _now(self) -> float:
        return self._clock().timestamp()


def _bound(cache: dict[bytes, _Known] | dict[bytes, _Refusal]) -> None:
    while len(cache) >= _MAX_ENTRIES:
        del cache[next(iter(cache))]  # the oldest: what is still used is confirmed again and put at the end


__all__ = ["FRESH_SECONDS", "REFUSED_SECONDS", "STALE_SECONDS", "VALIDATE_PATH", "Authenticator", "Credential"]
