"""aex-identity in process, with a clock that tests move."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from aex.identity.app import DEFINITION
from aex.store.port import Store
from tests.app.store.crashing import CrashingStore
from tests.app.support import SECRETS, TestClock, client_of, running

OPERATOR_KEY = str(SECRETS["OPERATOR_KEY"])
NEVER = 10**9
VALIDATE = "/internal/v1/apikeys/validate"


@dataclass(slots=True)
class Identity:
    """The service, a direct client of it, and its clock."""

    app: FastAPI
    direct: httpx.AsyncClient
    clock: TestClock

    def as_tenant(self, tenant_id: str, *scopes: str) -> httpx.AsyncClient:
        """What the gateway sends on for a client of `tenant_id`."""
        return client_of(self.app, x_tenant_id=tenant_id, x_aex_forwarded="1", x_aex_scopes=" ".join(scopes or ("*",)))

    def as_operator(self) -> httpx.AsyncClient:
        """What the gateway sends on for the operator."""
        return self.as_tenant("tenant_operator", "*", "operator")

    async def tenant(self, name: str = "Acme") -> tuple[str, str, str]:
        """A new tenant: its id, its first key, that key's id."""
        answer = await self.direct.post("/v1/tenants", json={"name": name})
        assert answer.status_code == 201, answer.text
        body = answer.json()
        return body["id"], body["api_key"]["key"], body["api_key"]["id"]

    async def key(self, tenant_id: str, **body: object) -> tuple[str, str]:
        """A new key of a tenant: the key and its id."""
        answer = await self.direct.post(f"/v1/tenants/{tenant_id}/api-keys", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["key"], answer.json()["id"]

    async def validate(self, api_key: str) -> httpx.Response:
        """Asks what a key is worth, as the gateway does."""
        return await self.direct.post(VALIDATE, json={"api_key": api_key})


def kept(store: Store) -> Store:
    """`store`, left open by the service that uses it: the next process goes on with it."""
    return CrashingStore(store, NEVER)


@asynccontextmanager
async def identity(store: Store | None = None, **settings: object) -> AsyncGenerator[Identity, None]:
    """A running identity; `store` to go on with what another one left."""
    clock = TestClock()
    async with running(DEFINITION, store=store, clock=clock, peers={}, **settings) as app:
        yield Identity(app, client_of(app), clock)
