"""HTTP/1.1 to our own services, on httptools' parser: kept connections, whole or streamed answers, nothing else.

Chosen by measurement (`bench/NOTES.md`): a general client costs more CPU than the service that answers it. Owns
connections and their answers; knows no retries, no deadlines and no identity (`http.py`, the gateway's proxy). Nothing
is decompressed or redirected, no cookies, no proxies. Calls to addresses that clients chose go through `outside.py`.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from typing import cast
from urllib.parse import urlsplit

import httptools

Pairs = Iterable[tuple[bytes, bytes]]

CONNECT_SECONDS = 3.0
IDLE_SECONDS = 20.0
"""Shorter than any of our servers keeps a connection, so that a kept one is never stale."""
_HEAD_BYTES = 65_536
"""Of an answer's head; more is nonsense."""
_BUFFERED_BYTES = 262_144
"""Of one answer that nobody has read yet; the backend waits meanwhile."""


class NotConnected(OSError):
    """No connection could be made: nothing was sent."""


class Broken(OSError):
    """The connection failed after the request was sent. `answered`: something of an answer had come."""

    def __init__(self, why: str, *, answered: bool) -> None:
        super().__init__(why)
        self.answered = answered


class Answer:
    """An answer whose head has arrived. Close it, always: what was not read to its end takes its connection with it."""

    __slots__ = ("_closed", "_connection", "headers", "length", "status")

    def __init__(self, connection: "_Connection", status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status = status
        self.headers = headers
        """As sent, in order."""
        self.length: int | None = next(
            (int(value) for name, value in headers if len(name) == 14 and name.lower() == b"content-length"), None
        )
        """Bytes that were announced."""
        self._connection = connection
        self._closed = False

    @property
    def whole(self) -> bool:
        """Whether the body has arrived, too."""
        return self._connection.complete

    def header(self, name: bytes) -> bytes:
        """The first value of a header, named in lower case; empty without one."""
        return next((value for key, value in self.headers if key.lower() == name), b"")

    async def read(self) -> bytes:
        """The rest of the body. Raises `Broken`."""
        connection = self._connection
        while not connection.complete:
            await connection.progress(unbounded=True)
        return connection.take()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises `Broken`."""
        connection = self._connection
        while True:
            if part := connection.take():
                yield part
            elif connection.complete:
                return
            else:
                await connection.progress()

    def close(self) -> None:
        """Gives the connection back, or ends it. Closing again does nothing."""
        if not self._closed:
            self._closed = True
            self._connection.release()


class _Connection(asyncio.Protocol):
    """One connection, one request at a time. The parser calls its `on_` methods."""

    def __init__(self, idle: "deque[_Connection]") -> None:
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._error: Broken | None = None
        self._begin(head_only=False)
        self.used = 0.0

    def _begin(self, *, head_only: bool) -> None:
        self._head_only = head_only
        self._parts: list[bytes] = []
        self._held = self._received = 0
        self._paused = self._headed = self._keeps = self.complete = False
        self._headers: list[tuple[bytes, bytes]] = []

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and self._error is None

    async def send(self, request: bytes, *, head_only: bool) -> Answer:
        transport = self._transport
        if transport is None:
            raise Broken("the connection is closed", answered=False)
        self._begin(head_only=head_only)
        self._parser = httptools.HttpResponseParser(self)
        transport.write(request)
        try:
            while not self._headed:
                await self.progress()
        except BaseException:
            transport.abort()
            raise
        return Answer(self, self._parser.get_status_code(), self._headers)

    async def progress(self, *, unbounded: bool = False) -> None:
        """Returns when something has come. Raises `Broken` when nothing can."""
        if self._error is not None:
            raise self._error
        if self._paused and self._transport is not None and (unbounded or not self._parts):
            self._paused = False
            self._transport.resume_reading()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take(self) -> bytes:
        parts, self._parts, self._held = self._parts, [], 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self) -> None:
        """Back among the idle ones, if it can serve again."""
        if self._transport is None:
            return
        if self._keeps and not self._head_only and self._error is None:
            self.used = time.monotonic()
            self._idle.append(self)
        else:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"it does not speak HTTP: {error}")
        if not self._headed and self._received > _HEAD_BYTES:
            self._fail("the head of its answer is too long")
        self._hold_back()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        lengthless = self._headed and not any(
            name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self._headers
        )
        if lengthless and exc is None:
            self.complete = True  # such an answer ends with its connection
        if self._error is None:
            self._error = Broken("the connection was closed", answered=self._received > 0)
        self._wake()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._headers.clear()  # a word in between, such as 103
            return
        if sum(len(name) + len(value) for name, value in self._headers) > _HEAD_BYTES:
            raise ValueError("the head is too long")  # the parser passes it on as its own error
        self._headed = True
        if self._head_only:
            self.complete = True

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._held += len(body)

    def on_message_complete(self) -> None:
        self.complete = self._headed
        self._keeps = self._parser.should_keep_alive()  # a moment later, the parser has forgotten

    def _hold_back(self) -> None:
        transport = self._transport
        if self._held <= _BUFFERED_BYTES or self._paused or self.complete:
            return
        if transport is not None and not transport.is_closing():
            self._paused = True
            transport.pause_reading()

    def _fail(self, why: str) -> None:
        if self._error is None and not self.complete:
            self._error = Broken(why, answered=True)
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Origin:
    """The connections to one server, at `url` (`http://host:port/path`). As many are open as requests are under way."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/").encode()
        self._head = b" HTTP/1.1\r\nhost: " + parts.netloc.rpartition("@")[2].encode() + b"\r\n"
        self._idle: deque[_Connection] = deque()
        self._context: ssl.SSLContext | None = None

    async def request(
        self, method: str, target: bytes, headers: Pairs, body: bytes | None, *, fresh: bool = False
    ) -> Answer:
        """Sends one request; returns when the head of its answer is there. `fresh`: not on a kept connection.

        Raises `NotConnected` or `Broken`; `ValueError` for a header or target that is more than one.
        """
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        if body is not None or method in {"POST", "PUT", "PATCH"}:
            lines.append(b"content-length: %d\r\n" % len(body or b""))
        head = b"".join((method.encode(), b" ", self._prefix, target, self._head, *lines, b"\r\n"))
        if head.count(b"\n") != len(lines) + 3:
            raise ValueError("a line break in a header or target")
        connection = None if fresh else self._kept()
        if connection is None:
            connection = await self._connect()
        return await connection.send(head + body if body else head, head_only=method == "HEAD")

    def close(self) -> None:
        """Closes the kept connections."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        oldest = time.monotonic() - IDLE_SECONDS
        while self._idle and self._idle[0].used < oldest:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        if self._tls and self._context is None:
            self._context = ssl.create_default_context()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._idle), self._host, self._port, ssl=self._context
                )
        except TimeoutError as error:
            raise NotConnected("no connection in time") from error
        except OSError as error:
            raise NotConnected(str(error)) from error
        return connection


__all__ = ["Answer", "Broken", "NotConnected", "Origin", "Pairs"]
