"""The outermost layer: one error shape, a request id on everything, bounded bodies, shedding."""

import asyncio
import json

import pytest
from fastapi import APIRouter, Response

from aex.core.errors import conflict
from aex.core.logging import configure, redact
from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings
from aex.core.wire import FreeObject, Json, Moment, Name, Price, Wire
from aex.store.port import BadCursor, StoreUnavailable
from tests.app.support import client_of, error_code, running, settings_of

RELEASE = asyncio.Event()


class Offer(Wire):
    """A body with one field of each kind."""

    name: Name
    price: Price
    count: int = 0
    when: Moment | None = None
    extra: FreeObject | None = None


def routes(_rt: Runtime[Settings]) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/offers")
    async def offer(body: Offer) -> Response:
        return Json({"name": body.name, "price": body.price, "count": body.count, "when": body.when})

    @router.get("/v1/fail/{how}")
    async def fail(how: str) -> Response:
        errors: dict[str, Exception] = {
            "conflict": conflict("taken"),
            "store": StoreUnavailable("gone: mongodb://admin:hunter2@db/aex"),
            "cursor": BadCursor("not one of ours"),
            "bug": RuntimeError("secret detail"),
        }
        raise errors[how]

    @router.get("/v1/fine")
    async def fine() -> Response:
        return Json({})

    @router.get("/v1/slow")
    async def slow() -> Response:
        await RELEASE.wait()
        return Json({})

    return router


SERVICE = Definition("aex-sample", Settings, routes)


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("conflict", 409, "conflict"),
        ("store", 503, "store_unavailable"),
        ("cursor", 400, "bad_cursor"),
        ("bug", 500, "internal_error"),
    ],
)
async def test_every_error_has_the_one_shape_and_tells_no_secret(how: str, status: int, code: str) -> None:
    async with running(SERVICE) as app:
        answer = await client_of(app).get(f"/v1/fail/{how}")
        assert answer.status_code == status and error_code(answer) == code
        assert "secret" not in answer.text and "hunter2" not in answer.text
        assert (answer.headers.get("retry-after") == "1") == (status == 503)


async def test_unknown_paths_and_methods_have_the_one_shape_too() -> None:
    async with running(SERVICE) as app:
        client = client_of(app)
        assert error_code(await client.get("/nowhere")) == "endpoint_not_found"
        wrong = await client.delete("/v1/offers")
        assert wrong.status_code == 405 and error_code(wrong) == "method_not_allowed"
        assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2:3", True), ("a b", False), ("x" * 129, False), ('"}{', False)])
async def test_a_clients_request_id_is_kept_when_it_is_harmless(sent: str, kept: bool) -> None:
    async with running(SERVICE) as app:
        answer = await client_of(app, x_request_id=sent).get("/health")
        assert (answer.headers["x-request-id"] == sent) is kept
        assert kept or len(answer.headers["x-request-id"]) == 32


async def test_bodies_are_read_as_the_contract_decodes_them() -> None:
    async with running(SERVICE) as app:
        client = client_of(app)
        tolerant = await client.post("/v1/offers", json={"NAME": "n", "Price": 1.5, "unknown": 1, "when": None})
        assert tolerant.json() == {"name": "n", "price": 1_500_000, "count": 0, "when": None}
        plain = await client.post(
            "/v1/offers", content=b'{"name":"n","price":1}', headers={"content-type": "text/plain"}
        )
        assert plain.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'{"name":"n"}',
        b'{"name":" ","price":1}',
        b'{"name":"n","price":"1"}',
        b'{"name":"n","price":true}',
        b'{"name":"n","price":NaN}',
        b'{"name":"n","price":-1}',
        b'{"name":"n","price":1,"count":1.0}',
        b'{"name":"n","price":1,"count":"1"}',
        b'{"name":"a\\u0000b","price":1}',
        b'{"name":"\\ud800","price":1}',
        b'{"name":"n","price":1,"when":"yesterday"}',
        b'{"name":"n","price":1,"extra":{"n":NaN}}',
        b'{"name":"n","price":1,"extra":{"n":99999999999999999999}}',
        b'{"name":"n","price":1,"extra":' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_bad_bodies_are_400_with_the_field_that_is_wrong(body: bytes) -> None:
    async with running(SERVICE) as app:
        answer = await client_of(app).post("/v1/offers", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text
        assert error_code(answer) == "bad_request"
        assert "parsing the body" not in answer.text, "the framework's words name no remedy"


@pytest.mark.parametrize("announced", [True, False])
async def test_bodies_over_the_limit_are_refused_whether_announced_or_not(announced: bool) -> None:
    async def chunks():
        for _ in range(20):
            yield b"x" * 100_000

    async with running(SERVICE, MAX_BODY_BYTES=1_000_000) as app:
        content = b"x" * 2_000_000 if announced else chunks()
        answer = await client_of(app).post("/v1/offers", content=content)
        assert answer.status_code == 413 and error_code(answer) == "body_too_large"


async def test_over_capacity_it_sheds_and_probes_still_answer() -> None:
    RELEASE.clear()
    async with running(SERVICE, MAX_IN_FLIGHT=2) as app:
        client = client_of(app)
        busy = [asyncio.create_task(client.get("/v1/slow")) for _ in range(2)]
        await asyncio.sleep(0.05)
        shed = await client.get("/v1/slow")
        assert shed.status_code == 503 and shed.headers["retry-after"] == "1"
        assert (await client.get("/health")).status_code == 200
        RELEASE.set()
        assert [answer.status_code for answer in await asyncio.gather(*busy)] == [200, 200]
        assert (await client.get("/v1/slow")).status_code == 200


async def test_metrics_count_by_route_and_are_not_served_through_a_load_balancer() -> None:
    async with running(SERVICE) as app:
        client = client_of(app)
        await client.get("/v1/fail/conflict")
        text = (await client.get("/metrics")).text
        assert 'route="/v1/fail/{how}",service="aex-sample",status="409"} 1.0' in text
        assert (await client_of(app, x_forwarded_for="203.0.113.9").get("/metrics")).status_code == 403


async def test_log_lines_are_json_with_request_id_and_tenant_and_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(settings_of(Settings), "aex-sample")
    async with running(SERVICE) as app:
        await client_of(app, x_request_id="r-1", x_tenant_id="tenant_9").get("/v1/fail/store")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    access = next(line for line in lines if line["event"] == "request")
    assert (access["request_id"], access["tenant"], access["status"], access["service"]) == (
        "r-1",
        "tenant_9",
        503,
        "aex-sample",
    )
    assert not any("hunter2" in json.dumps(line) for line in lines)


@pytest.mark.parametrize(("path", "logged"), [("/v1/fine", 0), ("/v1/fail/store", 1)])
async def test_a_duty_that_looks_and_finds_nothing_wrong_leaves_no_line(
    capsys: pytest.CaptureFixture[str], path: str, logged: int
) -> None:
    configure(settings_of(Settings), "aex-sample")
    async with running(SERVICE) as app:
        await client_of(app, x_aex_duty="1").get(path)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len([line for line in lines if line["event"] == "request"]) == logged


@pytest.mark.parametrize(
    "secret",
    ["aexk_" + "a1" * 32, "aex_pk_live_" + "b2" * 40, "exec_" + "c3" * 32, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.sig"],
)
def test_keys_and_tokens_are_cut_out_of_text(secret: str) -> None:
    assert redact(f"execution exec_{'c3' * 16}").endswith("c3"), "the id of an execution opens nothing"
    assert secret not in redact(f"refused {secret} from client") and "[redacted]" in redact(f"refused {secret}")


async def test_refusing_costs_little_and_is_told_once_a_second_not_once_a_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(settings_of(Settings), "aex-sample")
    release = asyncio.Event()
    monkeypatch.setitem(globals(), "RELEASE", release)
    async with running(SERVICE, MAX_IN_FLIGHT=2) as app:
        client = client_of(app)
        waiting = [asyncio.create_task(client.get("/v1/slow")) for _ in range(2)]
        await asyncio.sleep(0.1)
        shed = await asyncio.gather(*(client.get("/v1/fine", headers={"X-Request-ID": "mine"}) for _ in range(50)))
        assert {(answer.status_code, error_code(answer)) for answer in shed} == {(503, "service_unavailable")}
        assert {(answer.headers["retry-after"], answer.headers["x-request-id"]) for answer in shed} == {("1", "mine")}
        release.set()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]
        assert (await client.get("/v1/fine")).status_code == 200, "the places are free again"
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        metrics = (await client.get("/metrics")).text
    assert len([line for line in told if line["event"] == "requests shed"]) == 1
    assert 503 not in [line.get("status") for line in told]
    assert 'aex_requests_total{method="GET",route="shed",service="aex-sample",status="503"} 50.0' in metrics
