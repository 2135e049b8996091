"""Services in one process, for tests: real apps, real stores, real HTTP semantics, no sockets."""

import json as jsonlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx
from fastapi import FastAPI

from aex.core.app import create_app
from aex.core.peers import DEADLINE_SECONDS, Peer, Reply
from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings
from aex.store import open_store
from aex.store.port import JsonValue, Store

S = TypeVar("S", bound=Settings)

QUIET: dict[str, object] = {"ENVIRONMENT": "test", "AEX_SERVICE_AUTH": "off", "AEX_DUTIES": "off"}
"""Settings that every in-process service starts from: no service auth, duties run by hand."""
SECRETS: dict[str, object] = {
    "API_KEY_SALT": "1:" + "p" * 32,
    "JWT_SECRET": "1:" + "j" * 32,
    "OPERATOR_KEY": "aexk_" + "0" * 64,
}


class TestClock:
    """A clock that moves when told to."""

    __test__ = False

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class AsgiPeer:
    """A peer that is another app in this process; `fail` makes it unreachable."""

    def __init__(self, name: str, app: FastAPI) -> None:
        self.name = name
        self.fail: Exception | None = None
        self.calls: list[tuple[str, str]] = []
        self._client = client_of(app)

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
        self.calls.append((method, path))
        if self.fail is not None:
            raise self.fail
        answer = await self._client.request(method, path, json=json, params=params)
        return Reply(answer.status_code, answer.content)


def client_of(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    """A client of an in-process app, as its direct caller; `headers` use underscores (`x_tenant_id`)."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=True),
        base_url="http://service",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def settings_of(settings_type: type[S], **values: object) -> S:
    """Settings from `values` (environment names in upper case) over the quiet defaults, never from the environment."""
    merged = {**QUIET, **SECRETS, **values}
    known = {
        (field.validation_alias if isinstance(field.validation_alias, str) else name).upper(): (
            field.validation_alias if isinstance(field.validation_alias, str) else name
        )
        for name, field in settings_type.model_fields.items()
    }
    return settings_type.model_validate({known[name]: value for name, value in merged.items() if name in known})


@asynccontextmanager
async def running(
    definition: Definition[S],
    *,
    peers: Mapping[str, Peer] | None = None,
    store: Store | None = None,
    clock: TestClock | None = None,
    **settings: object,
) -> AsyncGenerator[FastAPI, None]:
    """The service, started (lifespan included) and stopped at the end; `settings` by environment name."""
    chosen = settings_of(definition.settings_type, **settings)
    app = create_app(
        definition,
        chosen,
        store=store if store is not None else await open_store(chosen, definition.name),
        peers=peers if peers is not None else {},
        **({"clock": clock} if clock is not None else {}),
    )
    async with app.router.lifespan_context(app):
        yield app


def runtime_of(app: FastAPI) -> Runtime[Settings]:
    """The runtime inside an app: its store, its duties."""
    runtime: Runtime[Settings] = app.state.runtime
    return runtime


async def run_duties(app: FastAPI) -> dict[str, int | str]:
    """Runs every duty of the app once."""
    return await runtime_of(app).roster.run_all()


def error_code(answer: httpx.Response) -> str:
    """The code in the one JSON error shape; fails the test when the shape is another."""
    body = jsonlib.loads(answer.content)
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message", "request_id"}, body
    assert answer.headers["x-request-id"] == body["error"]["request_id"]
    return body["error"]["code"]
