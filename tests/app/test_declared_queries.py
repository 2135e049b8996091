"""Every query that the exchange issues is declared in collections.toml, and every declared one is issued.

Emulators enforce no indexes, and a database without one answers slowly instead of saying so; this test says it. All ten
services run, a whole trade is made, then every GET of every service is asked with every combination of its filters, as
a tenant and as a direct caller, with a second page where there is one; and all duties run.
"""

from collections.abc import Iterable
from itertools import chain, combinations
from typing import cast

import httpx
import pytest

from aex.core.server import SERVICES
from aex.store.declarations import Collection, load
from tests.app.store.recording import Asked, Record
from tests.app.trading import TENANT, must, trade
from tests.app.world import World, world

FILTERS = {
    "status": "COMPLETED",
    "service": "svc",
    "level": "error",
    "name": "latency",
    "role": "provider",
    "consumer_id": TENANT,
    "provider_id": "",
    "tenant_id": TENANT,
    "work_id": "",
    "category": "general",
    "skill_tags": "fast",
    "domain": "general",
    "count_only": "true",
    "mine": "true",
}
"""A value for each optional filter; the empty ones are filled with ids of the trade."""
UNFILTERED = frozenset({"limit", "cursor", "start_time", "end_time", "search", "min_trust", "api_key", "max_price"})
UNFILTERED |= {"max_latency_ms", "regions"}
"""Query parameters that compare no stored field."""


def declared(collections: Iterable[Collection]) -> set[Asked]:
    return {Asked(one.name, frozenset(query.equal), query.order) for one in collections for query in one.queries}


def undeclared(asked: set[Asked]) -> set[Asked]:
    """What was asked without a declaration. A count needs one with the same fields, in whatever order."""
    known = declared(load().values())
    countable = {(query.collection, query.equal) for query in known}
    return {
        one
        for one in asked
        if one not in known and (one.order is not None or (one.collection, one.equal) not in countable)
    }


def subsets(names: list[str]) -> Iterable[tuple[str, ...]]:
    return chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))


async def read_everything(world: World, ids: dict[str, str]) -> None:
    for service in SERVICES:
        if service == "gateway":  # its routes are its backends'
            continue
        for path, operation in world.apps[service].openapi()["paths"].items():
            if "get" in operation:
                await read(world.client(service), path, operation["get"], ids)


async def read(client: httpx.AsyncClient, path: str, operation: dict[str, object], ids: dict[str, str]) -> None:
    parameters = cast("list[dict[str, str]]", operation.get("parameters", []))
    names = [one["name"] for one in parameters if one["in"] == "query"]
    filters = [name for name in names if name in FILTERS]
    assert set(names) <= {*FILTERS, *UNFILTERED}, f"{path}: say in FILTERS what to ask for in {names}"
    url = path.format(**ids)
    for chosen in subsets(filters):
        query = {name: FILTERS[name] or ids[name] for name in chosen}
        for headers in ({}, {"X-Tenant-ID": TENANT}, {"X-Tenant-ID": "tenant_p"}):
            proof = {"Authorization": f"Bearer {ids['provider_key']}"} if url == "/v1/bids" else {}
            limit = {"limit": "1"} if "limit" in names else {}
            answer = await client.get(url, params={**query, **limit}, headers={**headers, **proof})
            assert answer.status_code < 500, f"{url} {query}: {answer.text}"
            more = answer.json().get("next_cursor") if answer.is_success and isinstance(answer.json(), dict) else None
            if more:
                params = {**query, **limit, "cursor": more}
                assert (await client.get(url, params=params, headers={**headers, **proof})).status_code < 500


@pytest.mark.timeout(120)
async def test_what_is_asked_is_declared_and_what_is_declared_is_asked() -> None:
    record = Record()
    async with world(wrap=record.around) as running:
        ids = await trade(running)
        await read_everything(running, ids)
        await must(running, "settlement", "POST", "/internal/v1/balances/rebuild")
        running.clock.advance(3600 * 24 * 30)
        await running.duties()
    assert undeclared(record.asked) == set(), "declare these in collections.toml"
    unused = declared(load().values()) - record.asked
    assert unused == set(), "nobody asks these: take them out of collections.toml, or ask them here"


async def test_a_query_that_nobody_declared_is_found() -> None:
    assert undeclared({Asked("bids", frozenset({"price"}), "-received_at")})
    assert undeclared({Asked("bids", frozenset({"work_id"}), "received_at")})
    assert undeclared({Asked("bids", frozenset({"price"}), None)})
    assert not undeclared({Asked("bids", frozenset({"work_id"}), None)})
