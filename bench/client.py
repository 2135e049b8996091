"""A load generator that is not what is measured: prepared requests, written to raw sockets, read by their length.

Owns connections and latencies. It understands only answers that carry `Content-Length`, which all of ours do.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit


class Refused(Exception):
    """An answer that the driver did not expect."""


def request(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
    """One HTTP/1.1 request, ready to be written again and again."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self.headers = b""
        """The head of the last answer."""

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """A connection to the host of `url`."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(cls, parts.hostname or "127.0.0.1", parts.port or 80)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.WriteTransport", transport)  # what TCP connections have

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length or self._waiter is None:
            return
        self.headers = head
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        waiter, self._waiter = self._waiter, None
        if not waiter.done():
            waiter.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("closed by the server"))

    async def send(self, prepared: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(prepared)
        return await self._waiter

    async def must(self, prepared: bytes) -> dict[str, object]:
        """The JSON object of an answer that has to be a success."""
        status, body = await self.send(prepared)
        if status >= 300:
            raise Refused(f"{prepared[:80]!r} was answered {status}: {body[:300]!r}")
        return json.loads(body) if body else {}

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.close()


@dataclass(slots=True)
class Load:
    """What a load was answered."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    """Seconds, of the answers that were expected."""
    statuses: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def per_second(self) -> float:
        """Expected answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """The latency in milliseconds that `share` (0..1) of the expected answers did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


async def drive(
    url: str, make: Callable[[int], bytes], *, connections: int, seconds: float, expected: frozenset[int]
) -> Load:
    """Sends `make(0)`, `make(1)`, ... on `connections` for `seconds`; an unexpected status ends it with `Refused`."""
    load = Load()
    numbers = iter(range(1_000_000_000))
    begun = time.perf_counter()
    until = begun + seconds

    async def one() -> None:
        connection = await Connection.open(url)
        try:
            while (sent := time.perf_counter()) < until:
                status, body = await connection.send(make(next(numbers)))
                load.statuses[status] = load.statuses.get(status, 0) + 1
                if status not in expected:
                    raise Refused(f"{status}: {body[:300]!r}")
                load.latencies.append(time.perf_counter() - sent)
        finally:
            connection.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    load.seconds = time.perf_counter() - begun
    return load


__all__ = ["Connection", "Load", "Refused", "drive", "request"]
