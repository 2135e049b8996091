"""Calls between services over real sockets: deadlines, safe retries, the circuit, and who we say we are."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from aex.core.errors import ApiError
from aex.core.http import HttpPeer
from aex.core.metrics import Metrics
from aex.core.peers import path
from aex.core.service_auth import NoProof

Script = Callable[[int], Awaitable[bytes]]


class Server:
    """A bare HTTP server whose answers are scripted by the number of the request."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.script: Script = self.fine
        self.url = ""

    async def fine(self, _number: int) -> bytes:
        return reply(200, b'{"ok":true}')

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                answer = await self.script(len(self.requests))
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


def reply(status: int, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield server
    listener.close()


@pytest.fixture
async def peer(server: Server) -> AsyncGenerator[HttpPeer, None]:
    peer = HttpPeer("aex-b", server.url, proof=NoProof(), metrics=Metrics("aex-a"))
    yield peer
    await peer.close()


async def test_any_status_is_an_answer(server: Server, peer: HttpPeer) -> None:
    async def missing(_number: int) -> bytes:
        return reply(404, b'{"error":{"code":"not_found"}}')

    server.script = missing
    answer = await peer.call("GET", path("v1", "things", "a/b c"))
    assert (answer.status, answer.ok, answer.code()) == (404, False, "not_found")
    assert server.requests[0].startswith(b"GET /v1/things/a%2Fb%20c HTTP/1.1")
    assert b"x-aex-duty: 1" in server.requests[0].lower(), "no request is being served: a duty asks"


async def test_a_get_is_repeated_after_a_passing_fault(server: Server, peer: HttpPeer) -> None:
    async def twice_away(number: int) -> bytes:
        return reply(503) if number == 1 else b"" if number == 2 else reply(200)

    server.script = twice_away
    assert (await peer.call("GET", "/x")).status == 200
    assert len(server.requests) == 3


async def test_a_post_is_sent_once_unless_it_is_said_to_be_repeatable(server: Server, peer: HttpPeer) -> None:
    async def away(_number: int) -> bytes:
        return b""

    server.script = away
    with pytest.raises(ApiError) as refusal:
        await peer.call("POST", "/x", json={})
    assert refusal.value.status == 503 and len(server.requests) == 1
    with pytest.raises(ApiError):
        await peer.call("POST", "/x", json={}, repeatable=True)
    assert len(server.requests) == 4


async def test_a_peer_that_hangs_costs_the_deadline_and_no_more(server: Server, peer: HttpPeer) -> None:
    async def hang(_number: int) -> bytes:
        await asyncio.sleep(30)
        return b""

    server.script = hang
    started = time.monotonic()
    with pytest.raises(ApiError, match="did not answer in time"):
        await peer.call("GET", "/x", deadline=0.2)
    assert time.monotonic() - started < 2


async def test_after_five_failures_the_peer_is_left_alone_and_tried_again_later(
    server: Server, peer: HttpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_number: int) -> bytes:
        return b""

    server.script = away
    for _ in range(5):
        with pytest.raises(ApiError):
            await peer.call("POST", "/x")
    sent = len(server.requests)
    with pytest.raises(ApiError, match="has been failing"):
        await peer.call("POST", "/x")
    assert len(server.requests) == sent, "an open circuit sends nothing"
    server.script = server.fine
    real = time.monotonic
    monkeypatch.setattr("aex.core.http.time.monotonic", lambda: real() + 3)
    assert (await peer.call("POST", "/x")).ok
    assert (await peer.call("POST", "/x")).ok, "one success closes it"


async def test_an_answer_that_is_no_json_is_the_peers_fault(server: Server, peer: HttpPeer) -> None:
    async def html(_number: int) -> bytes:
        return reply(200, b"<html>")

    server.script = html
    answer = await peer.call("GET", "/x")
    with pytest.raises(ApiError, match="not JSON"):
        answer.object()
