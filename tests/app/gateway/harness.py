"""The gateway in process over a real identity, with one server on a socket that plays all other backends.

The path prefix of a backend's URL tells which one was meant, so that a test sees where a request went.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import orjson
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.gateway.app import CALLS, DEFINITION
from aex.gateway.holders import VALIDATE_PATH
from aex.identity.app import DEFINITION as IDENTITY
from aex.store import JsonValue
from tests.app.support import SECRETS, AsgiPeer, TestClock, client_of, running

OPERATOR_KEY = str(SECRETS["OPERATOR_KEY"])
Answer = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as a backend got it."""

    target: str
    """The backend that was meant."""
    method: str
    path: str
    """As sent: not decoded."""
    query: str
    pairs: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        return dict(self.pairs)


@dataclass(slots=True)
class Backend:
    """An ASGI app that notes every request and answers 200, or as `answer` says."""

    seen: list[Seen] = field(default_factory=list[Seen])
    answer: Answer | None = None
    cancelled: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        _, target, path = scope["raw_path"].decode().split("/", 2)
        self.seen.append(
            Seen(
                target,
                scope["method"],
                f"/{path}",
                scope["query_string"].decode(),
                [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]],
                body,
            )
        )
        if self.answer is not None:
            await self.answer(scope, receive, send)
            return
        await respond(send, 200, orjson.dumps({"target": target}), (b"content-type", b"application/json"))

    @property
    def last(self) -> Seen:
        """The newest request."""
        return self.seen[-1]


@dataclass(slots=True)
class Registry:
    """A provider registry that knows whose the keys in `owners` are; `fail` makes it unreachable."""

    owners: dict[str, str] = field(default_factory=dict[str, str])
    fail: Exception | None = None
    questions: int = 0
    name: str = "aex-provider-registry"

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> Reply:
        """See `Peer.call`."""
        assert (method, path, params) == ("POST", VALIDATE_PATH, None)
        assert isinstance(json, dict) and repeatable and deadline < DEADLINE_SECONDS
        self.questions += 1
        if self.fail is not None:
            raise self.fail
        tenant = self.owners.get(str(json["api_key"]))
        return Reply(200, orjson.dumps({"valid": tenant is not None, "tenant_id": tenant or ""}))


async def respond(send: Send, status: int, body: bytes = b"", *headers: tuple[bytes, bytes]) -> None:
    """One whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[str, None]:
    """`app` on a free port of this machine; yields its URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", proxy_headers=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        await task


@dataclass(slots=True)
class World:
    """A gateway and what it talks to."""

    app: FastAPI
    identity: AsgiPeer
    identity_client: httpx.AsyncClient
    registry: Registry
    backend: Backend
    clock: TestClock
    tenant_id: str
    key: str
    key_id: str

    def client(self, key: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A client of the gateway, with an API key if one is given."""
        return client_of(self.app, **({"x_api_key": key} if key else {}), **headers)

    async def get(self, path: str, key: str | None = None, **headers: str) -> httpx.Response:
        """GET with the tenant's key, or another."""
        return await self.client(self.key if key is None else key, **headers).get(path)

    async def new_key(self, *scopes: str, tenant_id: str | None = None) -> str:
        """A key of the tenant with these scopes."""
        answer = await self.identity_client.post(
            f"/v1/tenants/{tenant_id or self.tenant_id}/api-keys", json={"scopes": list(scopes)}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["key"]

    async def token(self, **body: object) -> str:
        """A token from the tenant's key."""
        answer = await self.identity_client.post("/v1/tokens", json={"api_key": self.key, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    async def quotas(self, **quotas: int) -> None:
        """Changes the tenant's quotas; the gateway learns of it when it asks next."""
        answer = await self.identity_client.put(f"/v1/tenants/{self.tenant_id}/quotas", json=quotas)
        assert answer.status_code == 200, answer.text

    @property
    def questions(self) -> int:
        """How often identity was asked about a credential."""
        return len(self.identity.calls)

    async def metric(self, name: str) -> float:
        """The value of one series, 0 when there is none."""
        for line in (await self.client().get("/metrics")).text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[-1])
        return 0.0


@asynccontextmanager
async def world(identity_settings: dict[str, object] | None = None, **settings: object) -> AsyncGenerator[World, None]:
    """A whole world; `settings` are the gateway's, by environment name."""
    clock = TestClock()
    backend = Backend()
    registry = Registry()
    async with AsyncExitStack() as stack:
        identity_app = await stack.enter_async_context(
            running(IDENTITY, clock=clock, store=None, peers={}, **(identity_settings or {}))
        )
        peer = AsgiPeer("aex-identity", identity_app)
        client = client_of(identity_app)
        made = (await client.post("/v1/tenants", json={"name": "Acme"})).json()
        url = await stack.enter_async_context(serving(backend))
        urls = {variable.upper(): f"{url}/{name}" for name, variable in CALLS.items()}
        app = await stack.enter_async_context(
            running(
                DEFINITION,
                clock=clock,
                store=None,
                peers={"aex-identity": peer, registry.name: registry},
                **{**urls, **settings},
            )
        )
        yield World(
            app, peer, client, registry, backend, clock, made["id"], made["api_key"]["key"], made["api_key"]["id"]
        )


class Wire:
    """A raw connection: what clients libraries would tidy up goes out as written."""

    def __init__(self, url: str) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)

    async def say(self, text: bytes) -> bytes:
        """Sends `text`, reads until the other side closes."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(text)
            await writer.drain()
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()


__all__ = [
    "OPERATOR_KEY",
    "Backend",
    "Registry",
    "Seen",
    "Wire",
    "World",
    "respond",
    "serving",
    "world",
]
