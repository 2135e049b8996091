"""Subscriptions: whose they are, what they match, and that the look-up neither scans nor counts anybody twice."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from aex.provider_registry.app import DEFINITION
from aex.provider_registry.models import MAX_SUBSCRIPTIONS
from aex.provider_registry.subscriptions import SUBSCRIPTION_INDEX
from tests.app.provider_registry.conftest import FakeBroker, Reads, Registry
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import TestClock, client_of, error_code, running, runtime_of

HOOK = {"method": "webhook", "webhook_url": "https://hook.example.com/x", "webhook_secret": "s3cret"}


async def test_a_subscription_is_answered_and_listed_without_its_secret(registry: Registry) -> None:
    """Contract 4.6: the listing showed everybody's `webhook_secret` in clear."""
    provider = (await registry.register("Agent"))["provider_id"]
    filters = {"min_budget": 1.5, "max_latency_ms": 900, "regions": ["eu"]}
    body = {"provider_id": provider, "categories": ["legal.*"], "filters": filters, "delivery": HOOK}
    answer = await registry.client.post("/v1/subscriptions", json=body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"subscription_id", "provider_id", "categories", "status", "created_at"}
    for query in ("", f"?provider_id={provider}"):
        listed = await registry.client.get(f"/v1/subscriptions{query}")
        assert "s3cret" not in listed.text and "webhook_secret" not in listed.text
        (entry,) = listed.json()["subscriptions"]
        assert entry["filters"] == filters
        assert entry["delivery"] == {"method": "webhook", "webhook_url": "https://hook.example.com/x"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"categories": ["a"]}, 400, "provider_id is required"),
        ({"provider_id": "p", "categories": []}, 400, "categories is required"),
        ({"provider_id": "p", "categories": [" "]}, 400, "categories.0: must not be blank"),
        ({"provider_id": "p", "categories": ["a["]}, 400, "categories.0: a [ must be closed"),
        ({"provider_id": "prov_none", "categories": ["a"]}, 404, "provider not found"),
        ({"provider_id": "p", "categories": ["a"], "filters": {"min_budget": "1"}}, 400, "filters.min_budget"),
        ({"provider_id": "p", "categories": ["a"], "delivery": {"method": "pigeon"}}, 400, "delivery.method"),
        (
            {"provider_id": "p", "categories": ["a"], "delivery": {"method": "webhook", "webhook_url": "gopher://x"}},
            400,
            "delivery.webhook_url must be a valid URL",
        ),
    ],
)
async def test_what_is_wrong_with_a_subscription_is_said(
    registry: Registry, body: object, status: int, message: str
) -> None:
    answer = await registry.client.post("/v1/subscriptions", json=body)
    assert answer.status_code == status and error_code(answer)
    assert answer.json()["error"]["message"].startswith(message)


async def test_only_the_owner_subscribes_a_provider_and_sees_its_subscriptions(registry: Registry) -> None:
    """Contract 4.6: any caller subscribed any provider."""
    owner, other = registry.tenant("t"), registry.tenant("u")
    provider = (await registry.register("Agent", owner))["provider_id"]
    body = {"provider_id": provider, "categories": ["a"]}
    assert (await other.post("/v1/subscriptions", json=body)).status_code == 403
    subscription = await registry.subscribe(provider, "a", client=owner)
    assert (await other.get(f"/v1/subscriptions?provider_id={provider}")).status_code == 403
    assert (await other.get("/v1/subscriptions")).json()["subscriptions"] == []
    assert (await owner.get("/v1/subscriptions")).json()["total"] == 1
    assert (await other.delete(f"/v1/subscriptions/{subscription}")).status_code == 404
    assert await registry.subscribed("a") == [provider]


async def test_the_number_of_a_providers_subscriptions_is_bounded_exactly(registry: Registry) -> None:
    provider = (await registry.register("Agent"))["provider_id"]
    body = {"provider_id": provider, "categories": ["a"]}
    answers: list[httpx.Response] = []
    for _ in range(4):  # the fourth group of 15 meets the bound in its middle
        answers += await asyncio.gather(*(registry.client.post("/v1/subscriptions", json=body) for _ in range(15)))
    assert [answer.status_code for answer in answers].count(200) == MAX_SUBSCRIPTIONS
    refused = next(answer for answer in answers if answer.status_code != 200)
    assert refused.status_code == 409 and error_code(refused) == "too_many_subscriptions"
    listed = (await registry.client.get(f"/v1/subscriptions?provider_id={provider}")).json()["subscriptions"]
    assert len(listed) == MAX_SUBSCRIPTIONS
    await registry.client.delete(f"/v1/subscriptions/{listed[0]['subscription_id']}")
    assert (await registry.client.post("/v1/subscriptions", json=body)).status_code == 200


async def test_a_provider_with_many_matching_subscriptions_is_told_once(registry: Registry) -> None:
    """Contract 3.7: a provider with two matching subscriptions counted twice."""
    provider = (await registry.register("Agent", bid_webhook="https://own.example.com"))["provider_id"]
    await registry.subscribe(provider, "general")
    registry.clock.advance(1)
    await registry.subscribe(provider, "gen*", "general", delivery=HOOK)
    answer = (await registry.client.get("/internal/v1/providers/subscribed?category=general")).json()
    assert answer == {
        "category": "general",
        "providers": [
            {
                "provider_id": provider,
                "webhook_url": HOOK["webhook_url"],
                "webhook_secret": "s3cret",
                "trust_score": 0.3,
            }
        ],
        "total": 1,
    }


async def test_without_an_address_of_its_own_a_subscription_uses_the_providers(registry: Registry) -> None:
    provider = (await registry.register("Agent", bid_webhook="https://own.example.com"))["provider_id"]
    await registry.subscribe(provider, "general", delivery={"method": "polling"})
    answer = (await registry.client.get("/internal/v1/providers/subscribed?category=general")).json()
    assert answer["providers"][0]["webhook_url"] == "https://own.example.com"
    assert "webhook_secret" not in answer["providers"][0]


async def test_filters_are_applied(registry: Registry) -> None:
    provider = (await registry.register("Agent"))["provider_id"]
    await registry.subscribe(provider, "*", filters={"min_budget": 5, "max_latency_ms": 900, "regions": ["eu", "us"]})
    for params, told in (
        ({}, True),
        ({"max_price": "4.99"}, False),
        ({"max_price": "5"}, True),
        ({"max_latency_ms": "899"}, False),
        ({"max_latency_ms": "900"}, True),
        ({"regions": "asia"}, False),
        ({"regions": "asia, us"}, True),
    ):
        assert await registry.subscribed("x", **params) == ([provider] if told else []), params


@pytest.mark.parametrize("query", ["", "?category=", "?category=a&max_price=x", "?category=a&max_latency_ms=-1"])
async def test_a_wrong_question_is_refused(registry: Registry, query: str) -> None:
    answer = await registry.client.get(f"/internal/v1/providers/subscribed{query}")
    assert answer.status_code == 400 and error_code(answer) == "bad_request"


async def test_providers_that_are_not_active_are_not_told(registry: Registry) -> None:
    provider = (await registry.register("Agent"))["provider_id"]
    await registry.subscribe(provider, "a")
    await registry.client.delete(f"/v1/providers/{provider}")
    assert await registry.subscribed("a") == []
    counted = (await registry.client.get("/internal/v1/providers/subscribed?category=a&count_only=true")).json()
    assert counted["total"] == 0


async def test_pages_hold_everybody_once(registry: Registry) -> None:
    patterns = ["text", "t*", "*", "te?t", "[a-z]*t"]
    expected = []
    for number in range(25):
        provider = (await registry.register(f"Agent {number}"))["provider_id"]
        await registry.subscribe(provider, patterns[number % 5], patterns[(number + 1) % 5])
        if number % 3 == 0:  # so that no key leads to all of them
            await registry.subscribe(provider, "text", "other")
        expected.append(provider)
    for limit in ("1", "7", "25", "1000"):
        assert await registry.subscribed("text", limit=limit) == sorted(expected)
    assert await registry.subscribed("nothing-like-it") == sorted(
        provider
        for n, provider in enumerate(expected)
        if "*" in {patterns[n % 5], patterns[(n + 1) % 5]} or "[a-z]*t" in {patterns[n % 5], patterns[(n + 1) % 5]}
    )


async def test_the_look_up_reads_only_subscriptions_that_may_match(registry: Registry) -> None:
    """Contract 4.6: every subscription was loaded for every published work."""
    for number in range(30):
        provider = (await registry.register(f"Agent {number}"))["provider_id"]
        await registry.subscribe(provider, f"category-{number}", f"legal.{number}.*", f"zzz{number}")
    with Reads(runtime_of(registry.app).store) as reads:
        assert len(await registry.subscribed("category-7")) == 1
    assert reads.documents <= 3, "one index entry, one provider, one subscription"
    assert reads.queries <= 15


async def test_counting_is_cached_and_every_change_is_seen(registry: Registry) -> None:
    question = "/internal/v1/providers/subscribed?category=a&count_only=true"
    provider = (await registry.register("Agent"))["provider_id"]

    async def count() -> int:
        answer = (await registry.client.get(question)).json()
        assert answer["providers"] == []
        return answer["total"]

    assert await count() == 0
    subscription = await registry.subscribe(provider, "a")
    assert await count() == 1
    with Reads(runtime_of(registry.app).store) as reads:
        assert await count() == 1
    assert reads.documents == reads.queries == 0
    await registry.client.delete(f"/v1/subscriptions/{subscription}")
    assert await count() == 0
    await registry.subscribe(provider, "a")
    await registry.client.delete(f"/v1/providers/{provider}")
    assert await count() == 0
    await registry.register("Agent")
    assert await count() == 1


async def test_the_list_is_paged(registry: Registry) -> None:
    provider = (await registry.register("Agent"))["provider_id"]
    made = []
    for _ in range(5):
        registry.clock.advance(1)
        made.append(await registry.subscribe(provider, "a"))
    found, cursor = [], None
    while True:
        page = (await registry.client.get("/v1/subscriptions", params={"limit": "2", "cursor": cursor or ""})).json()
        found += [entry["subscription_id"] for entry in page["subscriptions"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert found == made


async def test_a_crash_at_any_write_leaves_a_subscription_whole_or_absent() -> None:
    for n in range(1, 40):
        broker, inner = FakeBroker(), await open_memory_store(DEFINITION.name)
        async with running(DEFINITION, peers={broker.name: broker}, store=CrashingStore(inner, -1)) as app:
            registry = Registry(app, client_of(app), broker, TestClock())
            provider = (await registry.register("Agent"))["provider_id"]
        store = CrashingStore(inner, crash_at=n, after=True)
        async with running(DEFINITION, peers={broker.name: broker}, store=store) as app:
            client = client_of(app)
            made = await client.post("/v1/subscriptions", json={"provider_id": provider, "categories": ["a", "b*"]})
            if made.status_code == 200:
                await client.delete(f"/v1/subscriptions/{made.json()['subscription_id']}")
        clock = TestClock()
        async with running(DEFINITION, peers={broker.name: broker}, store=CrashingStore(inner, -1), clock=clock) as app:
            registry = Registry(app, client_of(app), broker, clock)
            listed = (await registry.client.get("/v1/subscriptions")).json()["total"]
            assert listed == (await registry.client.get(f"/v1/subscriptions?provider_id={provider}")).json()["total"]
            assert len(await registry.subscribed("a")) == len(await registry.subscribed("bx")) == listed
            assert len({"=a", "^b"}) * listed <= await _entries(app)
            # Later, whoever looks up finds and drops what the crash left.
            clock.advance(400 * 86_400)
            await registry.subscribed("a")
            await registry.subscribed("bx")
            assert await _entries(app) == 2 * listed, f"after a crash at write {n}"
        await inner.close()
        if not store.crashed:
            assert listed == 0 and n > 6
            return
    pytest.fail("a subscription makes more writes than this test expects")


async def _entries(app: FastAPI) -> int:
    store = runtime_of(app).store
    return sum([await store.count(SUBSCRIPTION_INDEX, {"key": key}) for key in ("=a", "^b")])
