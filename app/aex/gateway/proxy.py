"""Passing one request on and its answer back: bounded in time and memory, nothing sent twice.

Request bodies (at most 1 MiB, contract 1.6) are read before they are sent, so that no backend waits for a slow client;
answers are streamed. What is repeated: a request that never left, because the connection could not be made; and, once,
an idempotent one (GET, HEAD, PUT, DELETE) whose connection was closed before an answer came.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aex.core.connections import Answer, Broken, NotConnected
from aex.core.errors import ApiError
from aex.core.logging import get_logger
from aex.gateway.headers import returned
from aex.gateway.upstream import Upstream

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

log = get_logger(__name__)

_CONNECT_ATTEMPTS = 3
_PAUSE_SECONDS = 0.05
_WHOLE_BYTES = 65_536
"""Answers up to this size are sent in one piece."""
_WATCH_AFTER_SECONDS = 0.05
"""Requests that are answered sooner are not watched for clients that leave: a task each would cost more."""
_NOT_JSON = frozenset({502, 503, 504})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


@dataclass(slots=True)
class Passage:
    """A request on its way to `upstream`. `target` is path and query exactly as the client sent them."""

    upstream: Upstream
    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes | None


class Proxy:
    """Forwards requests. `answer_seconds` until the backend's answer begins, `total_seconds` until it has ended."""

    def __init__(self, *, answer_seconds: float, total_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._total_seconds = total_seconds

    async def forward(self, passage: Passage, receive: "Receive", send: "Send") -> None:
        """One request. Raises `ApiError` 502, 503 or 504, or `ClientGone`."""
        upstream = passage.upstream
        upstream.enter()
        watch = _Watch(receive)
        end = asyncio.get_running_loop().time() + self._total_seconds
        answered = False
        try:
            passage.headers += await upstream.proof()
            async with asyncio.timeout(self._answer_seconds) as deadline:
                response = await self._send(passage)
                upstream.answered(response.status)
                answered = True
                if not response.whole:
                    deadline.reschedule(end)
                try:
                    await _relay(passage, response, send)
                finally:
                    response.close()
        except TimeoutError as error:
            if not answered:  # else it may be the client who reads slowly
                upstream.failed()
            raise ApiError(504, "upstream_timeout", f"{upstream.name} did not answer in time") from error
        except asyncio.CancelledError:
            if not watch.gone:
                raise
            watch.forgive()
            raise ClientGone from None
        finally:
            watch.stop()
            upstream.leave()

    async def _send(self, passage: Passage) -> Answer:
        attempt, repeats = 1, int(passage.method in _IDEMPOTENT)
        while True:
            try:
                return await passage.upstream.origin.request(
                    passage.method, passage.target, passage.headers, passage.body, fresh=attempt > 1
                )
            except NotConnected as error:
                again, problem = attempt < _CONNECT_ATTEMPTS, error
            except Broken as error:
                again, problem = repeats > 0 and not error.answered, error
                repeats -= 1
            if not again:
                passage.upstream.failed()
                log.warning("upstream failed", upstream=passage.upstream.name, reason=str(problem))
                raise ApiError(502, "upstream_error", f"{passage.upstream.name} cannot be reached") from problem
            await asyncio.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS * attempt)  # noqa: S311 - jitter
            attempt += 1


async def _relay(passage: Passage, response: Answer, send: "Send") -> None:
    status = response.status
    if status in _NOT_JSON and not response.header(b"content-type").startswith(b"application/json"):
        # Not our backend's words but those of what stands in front of it, such as a load balancer's page.
        code = {502: "upstream_error", 503: "service_unavailable", 504: "upstream_timeout"}[status]
        headers = {"Retry-After": "1"} if status == 503 else None
        raise ApiError(status, code, f"{passage.upstream.name} is not available; try again", headers=headers)
    head: Message = {"type": "http.response.start", "status": status, "headers": returned(response.headers)}
    length = response.length
    if passage.method == "HEAD" or status in {204, 304}:
        await send(head)
        await send({"type": "http.response.body", "body": b""})
        return
    if length is not None and length <= _WHOLE_BYTES:
        try:
            body = await response.read()
        except Broken as error:
            passage.upstream.failed()
            raise ApiError(502, "upstream_error", f"{passage.upstream.name} broke off its answer") from error
        response.close()  # before the client has it and sends its next request
        await send(head)
        await send({"type": "http.response.body", "body": body})
        return
    await send(head)
    # What breaks from here on breaks the connection: half of an answer must not look like a whole one.
    async for chunk in response.chunks():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class _Watch:
    """Ends the current task when the client leaves while a backend is still at work."""

    def __init__(self, receive: "Receive") -> None:
        loop = asyncio.get_running_loop()
        self.gone = False
        self._receive = receive
        self._request = asyncio.current_task(loop)
        self._task: asyncio.Task[None] | None = None
        self._handle = loop.call_later(_WATCH_AFTER_SECONDS, self._begin)

    def stop(self) -> None:
        self._handle.cancel()
        if self._task is not None:
            self._task.cancel()

    def forgive(self) -> None:
        """The cancellation was ours: the task goes on, to write its log line."""
        if self._request is not None:
            self._request.uncancel()

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        # The body was read before; where there was none, one empty message may be left.
        for _ in range(2):
            if (await self._receive())["type"] == "http.disconnect":
                self.gone = True
                if self._request is not None:
                    self._request.cancel()
                return


__all__ = ["ClientGone", "Passage", "Proxy"]
