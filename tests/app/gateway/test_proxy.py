"""Passing requests on over real sockets: bodies, streams, failures, deadlines, clients that leave, overload."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from aex.core.service_tokens import public_key
from aex.gateway.layer import Gateway
from tests.app.gateway.harness import Backend, Wire, World, respond, serving, world
from tests.app.support import error_code

SEED = "A" * 43 + "="


async def test_bodies_arrive_whole_and_with_their_length(w: World) -> None:
    client = w.client(w.key)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        body = bytes(range(256)) * 400  # 100 KiB must work (contract 1.6)
        assert (await client.request(method, "/v1/work/w", content=body)).status_code == 200
        assert w.backend.last.body == body and w.backend.last.headers["content-length"] == str(len(body))
    assert (await client.post("/v1/work")).status_code == 200
    assert w.backend.last.headers["content-length"] == "0"

    async def parts() -> AsyncIterator[bytes]:
        for part in (b"a" * 10, b"", b"b" * 70_000):
            yield part

    assert (await client.post("/v1/work/w", content=parts())).status_code == 200
    assert w.backend.last.body == b"a" * 10 + b"b" * 70_000
    assert "transfer-encoding" not in w.backend.last.headers


async def test_bodies_over_the_limit_are_refused_announced_or_not(w: World) -> None:
    """No body size limit (upstream)."""
    client = w.client(w.key)
    announced = await client.post("/v1/logs", content=b"x" * 1_048_577)
    assert (announced.status_code, error_code(announced)) == (413, "body_too_large")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    unannounced = await client.post("/v1/logs", content=endless())
    assert (unannounced.status_code, error_code(unannounced)) == (413, "body_too_large")
    assert (await client.post("/v1/logs", content=b"x" * 1_048_576)).status_code == 200
    assert len(w.backend.seen) == 1


async def test_a_body_that_does_not_arrive_is_a_408() -> None:
    async with world(REQUEST_TIMEOUT_SECONDS=0.3) as w, serving(w.app) as url:
        head = f"POST /v1/work HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: {w.key}\r\n"
        answer = await Wire(url).say(head.encode() + b"Content-Length: 10\r\n\r\nabc")
        assert b" 408 " in answer and b"request_timeout" in answer
        assert not w.backend.seen


async def test_large_bodies_share_a_budget(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many large requests at once are shed before memory runs out; what was held is given back."""
    await w.get("/v1/work")
    gateway_bodies = _layer(w)._bodies
    monkeypatch.setattr(gateway_bodies, "_budget", 250_000)
    release = asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await release.wait()
        await respond(send, 200)

    w.backend.answer = slow
    client = w.client(w.key)
    waiting = [asyncio.create_task(client.post("/v1/logs", content=b"x" * 100_000)) for _ in range(3)]
    done, _ = await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    shed = done.pop().result()
    assert (shed.status_code, error_code(shed)) == (503, "service_unavailable")
    release.set()
    assert sorted([answer.status_code for answer in await asyncio.gather(*waiting)]) == [200, 200, 503]
    assert gateway_bodies.held == 0


async def test_answers_are_streamed_not_collected(w: World) -> None:
    """The first part reaches the client before the last one exists."""
    go_on = asyncio.Event()

    async def streaming(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-kind", b"stream")]})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"last"})

    w.backend.answer = streaming
    async with serving(w.app) as url:
        reader, writer = await _request(url, "GET /v1/traces/t", w.key)
        assert b"x-kind: stream" in await asyncio.wait_for(reader.readuntil(b"first"), 5)
        go_on.set()
        await asyncio.wait_for(reader.readuntil(b"last"), 5)
        writer.close()

    async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 200, b"0123456789" * 500_000)

    w.backend.answer = large
    assert (await w.get("/v1/traces/t")).content == b"0123456789" * 500_000


async def test_answers_without_a_body_keep_their_form(w: World) -> None:
    async def empty(scope: Scope, _receive: Receive, send: Send) -> None:
        status = 204 if scope["path"].endswith("none") else 304 if scope["path"].endswith("same") else 200
        headers = [(b"content-length", b"1234")] if scope["method"] == "HEAD" else [(b"etag", b"x")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    w.backend.answer = empty
    head = await w.client(w.key).head("/v1/work/w")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "1234", b"")
    for name, status in (("none", 204), ("same", 304)):
        answer = await w.get(f"/v1/work/{name}")
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (status, b"", "x")


async def test_compressed_answers_and_redirects_are_left_alone(w: World) -> None:
    async def answering(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"].endswith("moved"):
            await respond(send, 307, b"", (b"location", b"/v1/elsewhere"))
        else:
            await respond(send, 200, b"\x1f\x8b", (b"content-encoding", b"x-own"), (b"vary", b"accept-encoding"))

    w.backend.answer = answering
    moved = await w.get("/v1/work/moved")
    assert (moved.status_code, moved.headers["location"], len(w.backend.seen)) == (307, "/v1/elsewhere", 1)
    coded = await w.get("/v1/work/coded")
    assert (coded.content, coded.headers["content-encoding"]) == (b"\x1f\x8b", "x-own")


async def test_connections_to_backends_are_kept(w: World) -> None:
    """The default transport keeps only 2 idle connections per upstream, so load churns connections (upstream)."""
    connections: set[tuple[str, int]] = set()
    plain = w.backend.__call__

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        connections.add(scope["client"])
        await asyncio.sleep(0.02)
        await respond(send, 200)

    assert plain is not None
    w.backend.answer = noting
    client = w.client(w.key)
    for _ in range(5):
        await asyncio.gather(*(client.get("/v1/work") for _ in range(16)))
    assert len(connections) <= 16


async def test_an_unreachable_backend_is_a_502_and_soon_a_503_that_costs_nothing() -> None:
    """Upstream unreachable: 502 with an empty body (upstream). Here JSON; then the circuit opens, for that one only."""
    async with world(WORK_PUBLISHER_URL="http://127.0.0.1:9") as w:
        answers = [await w.get("/v1/work") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [502] * 5 + [503] * 2
        codes = [error_code(answer) for answer in answers]
        assert codes == ["upstream_error"] * 5 + ["service_unavailable"] * 2
        assert answers[-1].headers["retry-after"] == "1"
        assert (await w.get("/v1/providers")).status_code == 200
        assert (
            await w.metric('aex_peer_calls_total{outcome="open",peer="aex-work-publisher",service="aex-gateway"}') == 2
        )


async def test_a_backend_that_comes_back_is_used_again(w: World) -> None:
    await w.get("/v1/work")
    upstream = _layer(w)._upstreams["aex-work-publisher"]
    for _ in range(5):
        upstream.failed()
    assert (await w.get("/v1/work")).status_code == 503
    upstream.circuit._closed_at = time.monotonic() - 1
    assert (await w.get("/v1/work")).status_code == 200
    assert (await w.get("/v1/work")).status_code == 200


async def test_a_backend_that_does_not_answer_is_a_504() -> None:
    """ProxyTimeout loaded but unused (upstream)."""
    async with world(PROXY_TIMEOUT_SECONDS=0.2) as w:
        never = asyncio.Event()

        async def hanging(_scope: Scope, _receive: Receive, _send: Send) -> None:
            await never.wait()

        w.backend.answer = hanging
        started = time.monotonic()
        answer = await w.client(w.key).post("/v1/work", content=b"{}")
        assert (answer.status_code, error_code(answer)) == (504, "upstream_timeout")
        assert time.monotonic() - started < 3
        assert len(w.backend.seen) == 1, "a POST that may have been done is not sent again"
        never.set()


async def test_an_answer_that_never_ends_is_cut_off_as_a_broken_one() -> None:
    async with world(PROXY_TIMEOUT_SECONDS=0.3, REQUEST_TIMEOUT_SECONDS=0.6) as w, serving(w.app) as url:
        never = asyncio.Event()

        async def dripping(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
            await never.wait()

        w.backend.answer = dripping
        reader, writer = await _request(url, "GET /v1/traces/t", w.key)
        text = await asyncio.wait_for(reader.read(), 10)
        assert b"some" in text and not text.endswith(b"0\r\n\r\n"), "half of an answer looked like a whole one"
        writer.close()
        never.set()


@asynccontextmanager
async def raw_backend(answers: list[bytes | None]) -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """A server that reads a request and writes the next of `answers`, or hangs up for None; yields URL and requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                )
                requests.append(head + await reader.readexactly(length))
                answer = answers.pop(0)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        server.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_only_what_is_harmless_is_sent_twice() -> None:
    """No retry of a POST that a backend may have got; what is idempotent is repeated once."""
    async with raw_backend([None, OK]) as (url, requests), world(WORK_PUBLISHER_URL=url) as w:
        answer = await w.client(w.key).post("/v1/work", content=b'{"a":1}')
        assert (answer.status_code, error_code(answer)) == (502, "upstream_error")
        assert len(requests) == 1 and requests[0].endswith(b'{"a":1}')
    async with raw_backend([None, OK]) as (url, requests), world(WORK_PUBLISHER_URL=url) as w:
        assert (await w.get("/v1/work")).text == "ok" and len(requests) == 2
    async with raw_backend([None, None, OK]) as (url, requests), world(WORK_PUBLISHER_URL=url) as w:
        assert (await w.get("/v1/work")).status_code == 502 and len(requests) == 2


async def test_a_post_that_never_left_is_tried_again() -> None:
    """The connection failed before anything was sent: a backend that restarts is not an error."""
    probe = await asyncio.start_server(lambda _r, writer: writer.close(), "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    backend = Backend()
    async with world(WORK_PUBLISHER_URL=f"http://127.0.0.1:{port}/aex-work-publisher") as w:
        request = asyncio.create_task(w.client(w.key).post("/v1/work", content=b"{}"))
        await asyncio.sleep(0.02)
        import uvicorn

        server = uvicorn.Server(uvicorn.Config(backend, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve())
        try:
            answer = await request
            if answer.status_code != 200:  # a slow machine: the server was up after the last attempt
                answer = await w.client(w.key).post("/v1/work", content=b"{}")
            assert answer.status_code == 200 and len(backend.seen) == 1
        finally:
            server.should_exit = server.force_exit = True
            await task


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_a_backend_that_talks_nonsense_is_a_502(answer: bytes) -> None:
    async with raw_backend([answer]) as (url, _), world(WORK_PUBLISHER_URL=url) as w:
        got = await w.client(w.key).post("/v1/work", content=b"{}")
        assert (got.status_code, error_code(got)) == (502, "upstream_error")


async def test_a_client_that_leaves_cancels_the_backends_work() -> None:
    async with world() as w, serving(w.app) as url:
        started, cancelled = asyncio.Event(), asyncio.Event()

        async def working(_scope: Scope, receive: Receive, _send: Send) -> None:
            started.set()
            message = await receive()
            assert message["type"] == "http.disconnect"
            cancelled.set()

        w.backend.answer = working
        _, writer = await _request(url, "GET /v1/work", w.key)
        await asyncio.wait_for(started.wait(), 5)
        writer.close()
        await asyncio.wait_for(cancelled.wait(), 5)
        await asyncio.sleep(0.05)
        assert (
            await w.metric('aex_requests_total{method="GET",route="/v1/work",service="aex-gateway",status="499"}') == 1
        )
        w.backend.answer = None
        assert (await w.get("/v1/work")).status_code == 200


async def test_overload_is_shed_and_one_slow_backend_does_not_take_all() -> None:
    """Load shedding: 503 with Retry-After over the limit; half of the places are enough for one backend."""
    async with world(MAX_IN_FLIGHT=8) as w:
        release = asyncio.Event()

        async def slow(scope: Scope, _receive: Receive, send: Send) -> None:
            if "/aex-work-publisher" in scope["path"]:
                await release.wait()
            await respond(send, 200)

        w.backend.answer = slow
        client = w.client(w.key)
        assert (await client.get("/v1/providers")).status_code == 200
        waiting = [asyncio.create_task(client.get("/v1/work")) for _ in range(6)]
        done, _ = await asyncio.wait(waiting, timeout=0.5)
        assert [task.result().status_code for task in done] == [503, 503]
        assert (await client.get("/v1/providers")).status_code == 200
        release.set()
        assert sorted([answer.status_code for answer in await asyncio.gather(*waiting)]) == [200] * 4 + [503] * 2
        many = await asyncio.gather(*(client.get("/v1/providers") for _ in range(20)))
        shed = [answer for answer in many if answer.status_code == 503]
        assert shed and all(answer.headers["retry-after"] == "1" for answer in shed)
        assert (await client.get("/health")).status_code == 200


async def test_the_gateway_proves_itself_and_believes_no_proof_from_outside() -> None:
    """Service identity: our own token goes along, a client's never does."""
    async with world(AEX_SERVICE_AUTH="token", AEX_SERVICE_SEED=SEED) as w:
        await w.client(w.key, x_aex_service_token="forged").get("/v1/work")
        proof = w.backend.last.headers["x-aex-service-token"]
        assert proof.count(".") == 2 and "forged" not in {value for _, value in w.backend.last.pairs}
        import base64

        import jwt
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(SEED)))
        claims = jwt.decode(proof, key, algorithms=["EdDSA"], audience="aex-work-publisher")
        assert claims["iss"] == "aex-gateway"


async def _request(url: str, line: str, key: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{line} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


def _layer(w: World) -> Gateway:
    """The gateway's layer inside the app's middleware."""
    node: object = w.app.middleware_stack  # there since the first request
    while not isinstance(node, Gateway):
        node = getattr(node, "app", None) or getattr(node, "_app", None)
    return node
