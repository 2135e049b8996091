"""A running aex-provider-registry with a trust broker and a clock of the test's own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import httpx
import orjson
import pytest
from fastapi import FastAPI

from aex.core.errors import unavailable
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.provider_registry.app import DEFINITION
from aex.store.port import JsonValue, Page, Store, Stored
from tests.app.support import TestClock, client_of, running


@dataclass
class FakeBroker:
    """A trust broker that knows what it is told, and may be away."""

    known: dict[str, tuple[float, str]] = field(default_factory=dict)
    away: bool = False
    calls: int = 0
    name: str = "aex-trust-broker"

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
        assert (method, path) == ("POST", "/internal/v1/trust/batch")
        assert isinstance(json, dict) and isinstance(json["provider_ids"], list)
        self.calls += 1
        if self.away:
            raise unavailable("aex-trust-broker cannot be reached")
        known = {id: self.known.get(str(id), (0.3, "UNVERIFIED")) for id in json["provider_ids"]}
        body = {
            "scores": {id: score for id, (score, _) in known.items()},
            "tiers": {i: t for i, (_, t) in known.items()},
        }
        return Reply(200, orjson.dumps(body))


class Reads:
    """Counts the documents that a store hands out while it is entered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.documents = 0
        self.queries = 0

    def __enter__(self) -> Self:
        query, get_many = self._store.query, self._store.get_many

        async def counted_query(*args: object, **kwargs: object) -> Page:
            page: Page = await query(*args, **kwargs)  # pyright: ignore[reportArgumentType] - passed on as they are
            self.documents += len(page.items)
            self.queries += 1
            return page

        async def counted_get_many(collection: str, ids: Sequence[str], *, stale_ok: bool = False) -> dict[str, Stored]:
            found = await get_many(collection, ids, stale_ok=stale_ok)
            self.documents += len(found)
            return found

        self._patches = pytest.MonkeyPatch()
        self._patches.setattr(self._store, "query", counted_query)
        self._patches.setattr(self._store, "get_many", counted_get_many)
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.undo()


@dataclass
class Registry:
    """The service and what surrounds it."""

    app: FastAPI
    client: httpx.AsyncClient
    broker: FakeBroker
    clock: TestClock

    def tenant(self, name: str, **headers: str) -> httpx.AsyncClient:
        """A client whose tenant the gateway vouches for."""
        return client_of(self.app, x_tenant_id=name, **headers)

    async def register(self, name: str, client: httpx.AsyncClient | None = None, **fields: object) -> dict[str, str]:
        body = {"name": name, "endpoint": "https://agent.example.com", **fields}
        answer = await (client or self.client).post("/v1/providers", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def subscribe(
        self, provider_id: str, *categories: str, client: httpx.AsyncClient | None = None, **fields: object
    ) -> str:
        body = {"provider_id": provider_id, "categories": list(categories), **fields}
        answer = await (client or self.client).post("/v1/subscriptions", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["subscription_id"]

    async def subscribed(self, category: str, **params: str) -> list[str]:
        """Ids of the providers that are told of work in `category`, all pages."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            query = {"category": category, **params, **({"cursor": cursor} if cursor else {})}
            answer = await self.client.get("/internal/v1/providers/subscribed", params=query)
            assert answer.status_code == 200, answer.text
            found += [provider["provider_id"] for provider in answer.json()["providers"]]
            cursor = answer.json().get("next_cursor")
            if cursor is None:
                return found

    async def verdict(self, api_key: str) -> dict[str, object]:
        answer = await self.client.post("/internal/v1/providers/validate-key", json={"api_key": api_key})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    broker, clock = FakeBroker(), TestClock()
    async with running(DEFINITION, peers={broker.name: broker}, clock=clock) as app:
        yield Registry(app, client_of(app), broker, clock)
