"""What a bid must know from others: whose key it carries, and whether the work takes bids. Answers are kept briefly.

An outage of who is asked is a 503 and never looks like a wrong key or an unknown work.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from aex.bid_gateway.models import Provider
from aex.core.cache import TimedCache
from aex.core.clock import parse_rfc3339, stamp
from aex.core.errors import ApiError, not_found, unauthorized, unavailable
from aex.core.fields import flag, text
from aex.core.peers import Peer, Reply, path

KEY_SECONDS = 10.0
"""A key that was good stays so for that long here: a revoked one is refused within it."""
WORK_SECONDS = 1.0
"""The state of a work is that old at most; the end of its window is always observed to the microsecond."""
KEYS, WORKS = 10_000, 10_000
KEY_PREFIX = "aex_pk_live_"
_MAX_KEY = 200


class KeyCheck:
    """Asks the registry whose key it is. Good answers are kept under the key's hash, never the key."""

    def __init__(self, registry: Peer, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._known: TimedCache[bytes, Provider | None] = TimedCache(
            KEY_SECONDS, KEYS, keep=lambda provider: provider is not None, monotonic=monotonic
        )

    async def holder(self, authorization: str | None) -> Provider:
        """The provider whose key is in the `Authorization` header. Raises 401, or 503 when nobody can tell."""
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key.startswith(KEY_PREFIX) or len(key) > _MAX_KEY or not key.isascii():
            raise _unauthorized()
        provider = await self._known.get(hashlib.sha256(key.encode()).digest(), lambda: self._ask(key))
        if provider is None:
            raise _unauthorized()
        return provider

    async def _ask(self, key: str) -> Provider | None:
        reply = await self._registry.call(
            "POST", "/internal/v1/providers/validate-key", json={"api_key": key}, repeatable=True
        )
        if not reply.ok:
            raise _unexpected("the registry", reply)
        answer = reply.object()
        if not flag(answer, "valid"):
            return None
        return Provider(text(answer, "provider_id"), text(answer, "tenant_id") or None)


@dataclass(frozen=True, slots=True)
class WorkState:
    """What a bid must know about its work."""

    status: str
    bid_window_ends_at: str

    def takes_bids(self, now: str) -> bool:
        """Whether a bid at `now` (a stamp) is in time."""
        return self.status == "OPEN" and now < self.bid_window_ends_at


class WorkCheck:
    """Asks the work-publisher about a work."""

    def __init__(self, publisher: Peer, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._publisher = publisher
        self._known: TimedCache[str, WorkState] = TimedCache(WORK_SECONDS, WORKS, monotonic=monotonic)

    async def state(self, work_id: str) -> WorkState:
        """The state of the work, at most `WORK_SECONDS` old. Raises 404 for an unknown one."""
        return await self._known.get(work_id, lambda: self._ask(work_id))

    async def _ask(self, work_id: str) -> WorkState:
        reply = await self._publisher.call("GET", path("internal", "work", work_id))
        if reply.status == 404:
            raise not_found("work not found: bid with the work_id of an announced work")
        if not reply.ok:
            raise _unexpected("the work-publisher", reply)
        answer = reply.object()
        return WorkState(text(answer, "status"), stamp(parse_rfc3339(text(answer, "bid_window_ends_at"))))


def _unauthorized() -> ApiError:
    return unauthorized("Unauthorized: send your provider key as Authorization: Bearer aex_pk_live_...")


def _unexpected(who: str, reply: Reply) -> ApiError:
    return unavailable(f"{who} answered {reply.status}; try again", code="peer_unavailable")


__all__ = ["KEY_SECONDS", "WORK_SECONDS", "KeyCheck", "WorkCheck", "WorkState"]
