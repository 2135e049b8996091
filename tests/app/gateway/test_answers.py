"""What every answer carries: CORS, request id, one error shape; and the aggregated description."""

import json

import pytest
from starlette.types import Receive, Scope, Send

from aex.core.logging import configure
from aex.core.settings import Settings
from tests.app.gateway.harness import OPERATOR_KEY, World, respond, world
from tests.app.support import error_code, settings_of

CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-allow-headers": "Content-Type, Authorization, X-API-Key, X-Request-ID, X-Idempotency-Key",
    "access-control-max-age": "86400",
}


async def test_a_preflight_is_answered_for_any_path(w: World) -> None:
    for path in ("/v1/work", "/health", "/nowhere", "/internal/x", "/v1//x", "*"):
        answer = await w.client().options(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert {name: answer.headers[name] for name in CORS} == CORS
    assert not w.backend.seen


async def test_cors_is_on_every_answer_errors_included(w: World) -> None:
    async def shouting(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 200, b"{}", (b"access-control-allow-origin", b"https://backend"), (b"server", b"x"))

    w.backend.answer = shouting
    answers = [
        await w.get("/v1/work"),
        await w.get("/v1/work", "wrong"),
        await w.client().get("/v1/work"),
        await w.get("/nowhere"),
        await w.get("/health"),
        await w.client().get("/v1/info"),
        await w.client(w.key).post("/v1/work", content=b"x" * 1_100_000),
        await w.get("/v1/tenants"),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 401, 404, 200, 200, 413, 403]
    for answer in answers:
        assert {name: answer.headers.get_list(name) for name in CORS} == {name: [CORS[name]] for name in CORS}
        assert "server" not in answer.headers or answer.headers["server"] == "uvicorn"


async def test_the_request_id_is_on_everything_and_goes_along(w: World) -> None:
    """Request id is the innermost middleware (upstream): error answers and log lines had none."""
    for path, key in (("/v1/work", w.key), ("/v1/work", "wrong"), ("/nowhere", ""), ("/v1/info", "")):
        answer = await w.client(key or None, x_request_id="mine-1").get(path)
        assert answer.headers.get_list("x-request-id") == ["mine-1"], path
        if answer.status_code >= 400:
            assert answer.json()["error"]["request_id"] == "mine-1"
    assert w.backend.last.headers["x-request-id"] == "mine-1"
    generated = (await w.get("/v1/work")).headers["x-request-id"]
    assert len(generated) == 32 and w.backend.last.headers["x-request-id"] == generated
    unsafe = (await w.client(w.key).get("/v1/work", headers={"X-Request-ID": 'a"b c'})).headers["x-request-id"]
    assert len(unsafe) == 32


async def test_the_trace_goes_along(w: World) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    await w.get("/v1/work", None, traceparent=trace)
    assert w.backend.last.headers["traceparent"][:35] == trace[:35]
    await w.get("/v1/work", None, traceparent="nonsense")
    assert w.backend.last.headers["traceparent"].startswith("00-")


async def test_log_lines_name_request_tenant_route_and_upstream(w: World, capfd: pytest.CaptureFixture[str]) -> None:
    """The access log has no request id, and tenant is never logged (upstream)."""
    configure(settings_of(Settings), "aex-gateway")
    await w.client(w.key, x_request_id="mine-2").get("/v1/work/work_1")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if "mine-2" in line]
    line = next(line for line in lines if line["path"] == "/v1/work/work_1" and line["route"] == "/v1/work")
    assert (line["request_id"], line["tenant"], line["status"]) == ("mine-2", w.tenant_id, 200)
    assert (line["upstream"], line["key_id"]) == ("aex-work-publisher", w.key_id)


async def test_headers_of_backends_come_back_except_those_of_the_hop(w: World) -> None:
    async def answering(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(
            send,
            201,
            b"{}",
            (b"x-next-cursor", b"abc"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"connection", b"x-private"),
            (b"x-private", b"1"),
            (b"keep-alive", b"timeout=5"),
            (b"x-request-id", b"of-the-backend"),
            (b"x-ratelimit-limit", b"1"),
        )

    w.backend.answer = answering
    answer = await w.get("/v1/work")
    assert answer.status_code == 201 and answer.headers["x-next-cursor"] == "abc"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert not {"x-private", "keep-alive"} & set(answer.headers)
    assert answer.headers["x-request-id"] != "of-the-backend" and answer.headers["x-ratelimit-limit"] == "1000"


async def test_errors_of_backends_pass_through(w: World) -> None:
    async def answering(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 409, b'{"error":{"code":"taken"}}', (b"content-type", b"application/json"))

    w.backend.answer = answering
    answer = await w.get("/v1/work")
    assert (answer.status_code, answer.json()) == (409, {"error": {"code": "taken"}})


@pytest.mark.parametrize(
    ("status", "code"), [(502, "upstream_error"), (503, "service_unavailable"), (504, "upstream_timeout")]
)
async def test_what_a_load_balancer_says_becomes_json(w: World, status: int, code: str) -> None:
    """502 has no JSON body (upstream)."""

    async def page(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, status, b"<html>no</html>", (b"content-type", b"text/html"))

    async def ours(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, status, b'{"error":{"code":"own"}}', (b"content-type", b"application/json"))

    w.backend.answer = page
    answer = await w.get("/v1/work")
    assert (answer.status_code, error_code(answer)) == (status, code)
    w.backend.answer = ours
    assert (await w.get("/v1/work")).json() == {"error": {"code": "own"}}


async def test_one_description_of_all_public_routes(w: World) -> None:
    """OpenAPI of the exchange: what the table routes, under names that do not collide, and nothing internal."""

    async def describing(scope: Scope, _receive: Receive, send: Send) -> None:
        target = scope["path"].split("/")[1]
        document = {
            "paths": {
                "/v1/work": {"post": {"requestBody": {"$ref": "#/components/schemas/Thing"}, "tags": ["x"]}},
                "/v1/bids": {"get": {}, "parameters": []},
                "/v1/tokens": {"post": {}},
                "/internal/v1/secret": {"get": {}},
                "/ready": {"get": {}},
            },
            "components": {"schemas": {"Thing": {"title": target, "items": [{"$ref": "#/components/schemas/Thing"}]}}},
        }
        if target == "aex-telemetry":
            await respond(send, 500)
        else:
            await respond(send, 200, json.dumps(document).encode())

    w.backend.answer = describing
    answer = await w.client().get("/openapi.json")
    document = answer.json()
    assert set(document["paths"]) == {"/v1/work", "/v1/bids", "/v1/tokens"}
    post = document["paths"]["/v1/work"]["post"]
    assert post["requestBody"] == {"$ref": "#/components/schemas/WorkPublisherThing"}
    assert (post["tags"], post["x-scope"]) == (["aex-work-publisher"], "work:write")
    assert document["paths"]["/v1/bids"]["get"]["security"] == [{"ApiKey": []}, {"Token": []}, {"Backend": []}]
    assert list(document["components"]["schemas"]) == ["WorkPublisherThing"], "what nothing refers to is left out"
    assert document["info"]["x-missing"] == ["aex-telemetry"]
    asked = len(w.backend.seen)
    page = await w.client().get("/docs")
    assert len(w.backend.seen) == asked, "the description is kept"
    assert (
        page.status_code == 200 and "<script" not in page.text and "http" not in page.headers["content-security-policy"]
    )
    assert "/v1/work" in page.text and "aex-telemetry" in page.text


async def test_the_description_of_identity_is_real(w: World) -> None:
    """The aggregated document is valid enough for its own references to resolve."""
    async with world(IDENTITY_URL="http://127.0.0.1:9") as alone:
        document = (await alone.client().get("/openapi.json")).json()
        assert "aex-identity" in document["info"]["x-missing"] and document["paths"] == {}
    from aex.gateway.openapi import assemble
    from aex.gateway.table import RouteTable

    real = (await w.identity_client.get("/openapi.json")).json()
    document = assemble(RouteTable(), {"aex-identity": real})
    text = json.dumps(document)
    schemas = document["components"]["schemas"]  # pyright: ignore[reportArgumentType, reportCallIssue, reportIndexIssue, reportOptionalSubscript]
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in schemas  # pyright: ignore[reportOperatorIssue]
    assert "/v1/tenants/{tenant_id}/api-keys" in document["paths"]  # pyright: ignore[reportOperatorIssue]
    assert "/internal" not in text and OPERATOR_KEY not in text
