"""Calls over HTTP: a deadline, retries with jitter where repeating is safe, and a circuit.

How a call travels is `connections.py`.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import orjson

from aex.core.connections import Broken, NotConnected, Origin
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
_DUTY = DUTY_HEADER.encode()
_JSON = (b"content-type", b"application/json")


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


class HttpPeer:
    """A peer at a URL."""

    def __init__(self, name: str, url: str, *, proof: Proof, metrics: Metrics) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._origin = Origin(self.url)
        self._proof = proof
        self._metrics = metrics
        self.circuit = Circuit()

    async def headers(self) -> list[tuple[bytes, bytes]]:
        """What every call carries: our identity, the request's id and trace."""
        proof = await self._proof.headers(self.name, self.url)
        headers = [(name.lower().encode(), value.encode()) for name, value in proof.items()]
        context = current.get()
        if context is None:
            headers.append((_DUTY, b"1"))
        else:
            headers.append((b"x-request-id", context.request_id.encode()))
            headers.append((b"traceparent", context.traceparent.encode()))
        return headers

    async def close(self) -> None:
        """Closes the kept connections."""
        self._origin.close()

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
            headers.append(_JSON)
        target = f"{path}?{urlencode(params, quote_via=quote)}" if params else path
        try:
            answer = await self._origin.request(method, target.encode(), headers, body)
            try:
                reply = Reply(answer.status, await answer.read())
            finally:
                answer.close()
        except (NotConnected, Broken) as error:
            self.circuit.record(success=False)
            self._metrics.called(self.name, "error")
            if last:
                raise self._unreachable(f"cannot be reached ({error})") from error
            return None
        self.circuit.record(success=reply.status not in _RETRIED)
        self._metrics.called(self.name, f"{reply.status // 100}xx")
        return None if reply.status in _RETRIED and not last else reply

    def _unreachable(self, what: str) -> ApiError:
        log.warning("peer unavailable", peer=self.name, reason=what)
        return unavailable(f"{self.name} {what}; try again", code="peer_unavailable")


__all__ = ["Circuit", "HttpPeer"]
