"""Requests that go straight to their endpoint: which do, and that the framework answers all others as if alone."""

from collections.abc import AsyncGenerator
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Header, Query, Request, Response
from fastapi.routing import iter_route_contexts

from aex.core.errors import unauthorized
from aex.core.plans import plan_of
from aex.core.routes import route_class
from aex.core.runtime import Definition, Runtime
from aex.core.server import SERVICES, load_definition
from aex.core.settings import Settings
from aex.core.wire import Json, Name, Wire
from aex.store import open_store
from tests.app.support import Peer, client_of, error_code, running, settings_of


class Thing(Wire):
    """A body."""

    name: Name
    count: int = 0


async def _key_first(request: Request) -> None:
    if request.headers.get("authorization") != "Bearer k":
        raise unauthorized("who are you?")


def routes(_rt: Runtime[Settings]) -> APIRouter:
    router = APIRouter()
    guarded = APIRouter(route_class=route_class(before=_key_first))

    @router.get("/v1/things/fixed")
    async def fixed() -> Response:
        return Json({"fixed": True})

    @router.get("/v1/things/{name}")
    async def thing(
        name: str,
        size: Annotated[str, Query(max_length=3)] = "m",
        x_colour: Annotated[str | None, Header()] = None,
    ) -> Response:
        return Json({"name": name, "size": size, "colour": x_colour})

    @router.get("/v1/things/late")
    async def late() -> Response:
        return Json({"never": "the route above takes it"})

    @guarded.post("/v1/things", status_code=201)
    async def make(body: Thing) -> Response:
        return Json({"name": body.name, "count": body.count}, 201)

    @router.get("/v1/plain")
    def plain() -> Response:
        return Json({"in": "a thread"})

    router.include_router(guarded)
    return router


SAMPLE = Definition("aex-sample", Settings, routes)
KEY = {"Authorization": "Bearer k"}


class Service:
    """The app, a client, and how many requests the framework has routed."""

    def __init__(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client: httpx.AsyncClient = client_of(app)
        self.routed = 0
        original = app.router.app

        async def counting(scope: object, receive: object, send: object) -> None:
            self.routed += 1
            await original(scope, receive, send)  # type: ignore[arg-type]

        monkeypatch.setattr(app.router, "middleware_stack", counting)


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Service, None]:
    async with running(SAMPLE) as app:
        yield Service(app, monkeypatch)


async def test_what_is_plainly_right_never_reaches_the_framework(service: Service) -> None:
    get = service.client.get
    assert (await get("/v1/things/fixed")).json() == {"fixed": True}
    assert (await get("/v1/things/late")).json()["name"] == "late", "the first route that matches serves"
    answer = await get("/v1/things/a%20b", params={"size": "xl"}, headers={"X-Colour": "red"})
    assert answer.json() == {"name": "a b", "size": "xl", "colour": "red"}
    assert (await get("/v1/things/x")).json() == {"name": "x", "size": "m", "colour": None}
    made = await service.client.post("/v1/things", json={"NAME": "n", "count": None, "more": 1}, headers=KEY)
    assert (made.status_code, made.json()) == (201, {"name": "n", "count": 0})
    assert service.routed == 0


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{nope", 400, "not valid JSON"),
        (b"", 400, "body"),
        (b"[1]", 400, "body"),
        (b'{"name":" "}', 400, "name: must not be blank"),
        (b'{"name":"n","count":1.5}', 400, "count"),
        (b'{"name":"\\ud800"}', 400, "surrogate"),
        (b'{"name":"\xff"}', 400, "cannot be read as JSON"),
        (b"[" * 100_000, 400, "cannot be read as JSON"),
    ],
)
async def test_what_is_wrong_with_a_body_is_said_by_the_framework(
    service: Service, body: bytes, status: int, said: str
) -> None:
    answer = await service.client.post("/v1/things", content=body, headers=KEY)
    assert answer.status_code == status and error_code(answer) == "bad_request"
    assert said in answer.json()["error"]["message"]
    assert service.routed == 1


async def test_checks_before_the_body_come_first_and_parameters_are_checked(service: Service) -> None:
    refused = await service.client.post("/v1/things", content=b"{nope")
    assert (refused.status_code, error_code(refused)) == (401, "unauthorized")
    assert service.routed == 0
    long = await service.client.get("/v1/things/x", params={"size": "enormous"})
    assert long.status_code == 400 and "size" in long.json()["error"]["message"]
    for method, path, status in (("GET", "/v1/nothing", 404), ("PUT", "/v1/things", 405), ("GET", "/v1/plain", 200)):
        assert (await service.client.request(method, path)).status_code == status
    assert service.routed == 4


class Nobody:
    """A peer that is never called."""

    name = "nobody"

    async def call(self, *_: object, **__: object) -> None:
        raise AssertionError


@pytest.mark.parametrize("name", SERVICES)
async def test_every_route_of_the_ten_services_can_be_served_directly(name: str) -> None:
    definition = load_definition(name)
    settings = settings_of(definition.settings_type)
    peers: dict[str, Peer] = {callee: Nobody() for callee in definition.calls}  # type: ignore[misc]
    store = await open_store(settings, definition.name)
    async with running(definition, peers=peers, store=store) as app:
        contexts = [one for one in iter_route_contexts(app.router.routes) if getattr(one, "dependant", None)]
        assert contexts
        assert [one.path for one in contexts if plan_of(one) is None] == []
