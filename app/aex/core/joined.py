"""The head and the body of an answer in one write.

uvicorn writes them one after the other, and each write is a call into the kernel that wakes the client: a fifth of what
the gateway's CPU went into, and a second wake-up for whoever reads. A head is held until the body comes, at most until
the next turn of the event loop.
"""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1."


class JoinedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, over a transport that joins."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Takes the connection."""
        super().connection_made(cast(asyncio.Transport, _JoiningTransport(transport, self.loop)))


class _JoiningTransport:
    """A transport; everything but writing and closing is the other's."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_HEAD):
            # The body may be long in coming, and an answer to HEAD has none.
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


__all__ = ["JoinedProtocol"]
