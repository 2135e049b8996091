"""Calls over HTTP: one pooled client, a deadline, retries with jitter where repeating is safe, and a circuit.

Imported only by services that call somebody, since the client costs start-up time and memory.
"""

import asyncio
import random
import time
from collections.abc import Mapping

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver

from aex.core.context import DUTY_HEADER, current
from aex.core.errors import ApiError, unavailable
from aex.core.logging import get_logger
from aex.core.metrics import Metrics
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.core.service_auth import Proof
from aex.store.port import JsonValue

log = get_logger(__name__)

_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.05
_RETRIED = frozenset({502, 503, 504})
_OPEN_AFTER = 5
_OPEN_SECONDS = 2.0


class Circuit:
    """Opens after `_OPEN_AFTER` failures in a row; lets one call through when `_OPEN_SECONDS` have passed."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_at = 0.0

    def admits(self) -> bool:
        """Whether a call may be tried now."""
        if self._failures < _OPEN_AFTER:
            return True
        now = time.monotonic()
        if now < self._closed_at:
            return False
        self._closed_at = now + _OPEN_SECONDS  # one probe; the others wait for its outcome
        return True

    def record(self, success: bool) -> None:
        """The outcome of a call."""
        if success:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= _OPEN_AFTER:
            self._closed_at = time.monotonic() + _OPEN_SECONDS


class Session:
    """The process's one HTTP client, made when first used so that start-up does not pay for it."""

    def __init__(self, *, resolver: AbstractResolver | None = None, limit: int = 256) -> None:
        """`limit`: connections open at once; `resolver`: see `resolver.py`."""
        self._resolver = resolver
        self._limit = limit
        self._client: aiohttp.ClientSession | None = None

    @property
    def client(self) -> aiohttp.ClientSession:
        """Connections are kept 20 s, shorter than any of our servers keeps them, so a kept one is never stale."""
        if self._client is None or self._client.closed:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._limit, keepalive_timeout=20, resolver=self._resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._client

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()


class HttpPeer:
    """A peer at a URL."""

    def __init__(self, name: str, url: str, *, session: Session, proof: Proof, metrics: Metrics) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._session = session
        self._proof = proof
        self._metrics = metrics
        self.circuit = Circuit()

    async def headers(self) -> dict[str, str]:
        """What every call carries: our identity, the request's id and trace."""
        headers = dict(await self._proof.headers(self.name, self.url))
        context = current.get()
        if context is None:
            headers[DUTY_HEADER] = "1"
        else:
            headers["X-Request-ID"] = context.request_id
            headers["traceparent"] = context.traceparent
        return headers

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> Reply:
        """See `Peer.call`."""
        attempts = _ATTEMPTS if (method == "GET" if repeatable is None else repeatable) else 1
        try:
            async with asyncio.timeout(deadline):
                for attempt in range(1, attempts + 1):
                    reply = await self._attempt(method, path, json, params, last=attempt == attempts)
                    if reply is not None:
                        return reply
                    await asyncio.sleep(random.uniform(0.5, 1.5) * _BACKOFF_SECONDS * 2**attempt)  # noqa: S311 - jitter
        except TimeoutError as error:
            self.circuit.record(success=False)
            self._metrics.called(self.name, "error")
            raise self._unreachable("did not answer in time") from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _attempt(
        self, method: str, path: str, json: JsonValue, params: Mapping[str, str] | None, *, last: bool
    ) -> Reply | None:
        if not self.circuit.admits():
            self._metrics.called(self.name, "open")
            raise self._unreachable("has been failing; not asked for a moment")
        body = None if json is None else orjson.dumps(json)
        headers = await self.headers()
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.client.request(
                method, self.url + path, data=body, params=params, headers=headers, allow_redirects=False
            ) as answer:
                reply = Reply(answer.status, await answer.read())
        except (aiohttp.ClientError, OSError) as error:
            self.circuit.record(success=False)
            self._metrics.called(self.name, "error")
            if last:
                raise self._unreachable(f"cannot be reached ({type(error).__name__})") from error
            return None
        self.circuit.record(success=reply.status not in _RETRIED)
        self._metrics.called(self.name, f"{reply.status // 100}xx")
        return None if reply.status in _RETRIED and not last else reply

    def _unreachable(self, what: str) -> ApiError:
        log.warning("peer unavailable", peer=self.name, reason=what)
        return unavailable(f"{self.name} {what}; try again", code="peer_unavailable")


__all__ = ["Circuit", "HttpPeer", "Session"]
