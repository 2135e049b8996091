"""Answers on the wire: what leaves in one write, and that nothing is held for long."""

import asyncio

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from aex.core.joined import JoinedProtocol

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after the end"
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """The same."""


async def answered(app: ASGIApp, request: bytes, wire: Wire | None = None) -> Wire:
    config = uvicorn.Config(app, http=JoinedProtocol, lifespan="off", log_config=None)
    config.load()
    wire = wire or Wire()
    protocol = JoinedProtocol(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(wire)
    protocol.data_received(request)
    for _ in range(10):
        await asyncio.sleep(0)
    return wire


async def at_once(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": b"hello"})


async def test_head_and_body_leave_in_one_write() -> None:
    wire = await answered(at_once, GET)
    assert len(wire.written) == 1
    assert wire.written[0].startswith(b"HTTP/1.1 200 OK\r\n") and wire.written[0].endswith(b"\r\n\r\nhello")


async def test_two_answers_on_one_connection_stay_apart() -> None:
    wire = await answered(at_once, GET + GET)
    assert [each.count(b"HTTP/1.1 200 OK") for each in wire.written] == [1, 1]


async def test_a_head_does_not_wait_for_a_body_that_is_long_in_coming() -> None:
    before: list[bytes] = []

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        before.extend(wire.written)
        await send({"type": "http.response.body", "body": b"hello"})

    wire = Wire()
    await answered(slow, GET, wire)
    assert [each.endswith(b"\r\n\r\n") for each in before] == [True]
    assert wire.written == [*before, b"hello"]


async def test_an_answer_without_a_body_is_sent_whole_before_the_connection_is_closed() -> None:
    wire = await answered(at_once, b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert wire.closed and b"".join(wire.written).endswith(b"\r\n\r\n")


async def test_what_is_no_http_is_told_so_before_the_connection_is_closed() -> None:
    wire = await answered(at_once, b"what?\r\n\r\n")
    assert wire.closed and b"".join(wire.written).startswith(b"HTTP/1.1 400 ")
