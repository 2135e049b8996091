"""The client of our own services, over real sockets: kept connections, every form of an answer, nonsense refused."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from aex.core import connections
from aex.core.connections import Broken, NotConnected, Origin


class Server:
    """Answers each request with the next of `answers` (the last one for ever) and counts connections."""

    def __init__(self) -> None:
        self.answers: list[bytes] = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]
        self.hangs_up = False
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line[:15] == b"content-length:"), 0)
                self.requests.append(head + await reader.readexactly(length))
                writer.write(self.answers[0] if len(self.answers) == 1 else self.answers.pop(0))
                await writer.drain()
                if self.hangs_up:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield server
    listener.close()


async def ask(origin: Origin, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    answer = await origin.request(method, b"/x?y=1", [(b"a", b"1")], body)
    try:
        return answer.status, await answer.read()
    finally:
        answer.close()
        answer.close()  # harmless


async def test_a_connection_is_kept_and_used_again_until_it_is_old(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Origin(server.url + "/base")
    for _ in range(3):
        assert await ask(origin, "POST", b"{}") == (200, b"ok")
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST /base/x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert server.requests[0].endswith(b"\r\na: 1\r\ncontent-length: 2\r\n\r\n{}")
    monkeypatch.setattr(connections, "IDLE_SECONDS", -1.0)
    assert await ask(origin) == (200, b"ok")
    assert server.connections == 2
    origin.close()


@pytest.mark.parametrize(
    ("answer", "body", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde", True),
        (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz", b"z", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nz", b"z", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nz", b"z", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
    ],
)
async def test_every_form_of_an_answer_is_read(server: Server, answer: bytes, body: bytes, kept: bool) -> None:
    server.answers = [answer]
    origin = Origin(server.url)
    for _ in range(2):
        assert await ask(origin) == (200, body)
    assert server.connections == (1 if kept else 2)


async def test_an_answer_without_a_length_ends_with_its_connection(server: Server) -> None:
    server.answers, server.hangs_up = [b"HTTP/1.1 200 OK\r\n\r\nall of it"], True
    assert await ask(Origin(server.url)) == (200, b"all of it")


async def test_an_answer_that_is_cut_short_is_broken_not_whole(server: Server) -> None:
    server.answers, server.hangs_up = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"], True
    with pytest.raises(Broken) as broken:
        await ask(Origin(server.url))
    assert broken.value.answered
    server.answers = [b""]
    with pytest.raises(Broken) as silent:
        await ask(Origin(server.url))
    assert not silent.value.answered


async def test_large_answers_wait_for_whoever_reads_them(server: Server) -> None:
    size = 20_000_000
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size]
    answer = await Origin(server.url).request("GET", b"/", [], None)
    await asyncio.sleep(0.3)
    connection = answer._connection
    assert connection._held < 2_000_000, "an answer that nobody reads was collected in memory"
    assert sum([len(part) async for part in answer.chunks()]) == size
    answer.close()


async def test_a_line_break_makes_no_second_request(server: Server) -> None:
    origin = Origin(server.url)
    for target, value in ((b"/ HTTP/1.1\r\nx: y\r\n\r\nGET /", b"1"), (b"/", b"1\r\nx-aex-service-token: forged")):
        with pytest.raises(ValueError, match="line break"):
            await origin.request("GET", target, [(b"a", value)], None)
    assert server.requests == []


async def test_whoever_is_not_there_was_sent_nothing() -> None:
    with pytest.raises(NotConnected):
        await ask(Origin("http://127.0.0.1:9"))
