"""Agent cards and finding agents: the old card or the new one, never half, always in the same order."""

import pytest

from aex.provider_registry.app import DEFINITION
from aex.provider_registry.cards import AP2_EXTENSION
from tests.app.provider_registry.conftest import FakeBroker, Reads, Registry
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import TestClock, client_of, error_code, running, runtime_of

CARD = {
    "name": "Lawyer",
    "url": "https://agent.example.com/card.json?v=2",
    "skills": [{"id": "nda-review", "name": "NDA", "tags": ["Legal", "contracts"]}],
}


async def save(registry: Registry, provider: str, **fields: object) -> None:
    answer = await registry.client.post(f"/v1/providers/{provider}/agent-card", json={**CARD, **fields})
    assert answer.status_code == 200, answer.text


async def search(registry: Registry, tags: str, **params: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    cursor: str | None = None
    while True:
        query = {"skill_tags": tags, **params, **({"cursor": cursor} if cursor else {})}
        page = (await registry.client.get("/v1/providers/search", params=query)).json()
        assert page["total"] == len(page["providers"])
        found += page["providers"]
        cursor = page.get("next_cursor")
        if cursor is None:
            return found


async def test_a_card_is_kept_and_its_agent_found(registry: Registry) -> None:
    provider = (await registry.register("Agent", capabilities=["translation"]))["provider_id"]
    answer = await registry.client.post(f"/v1/providers/{provider}/agent-card", json={**CARD, "unknown": 1})
    assert answer.json() == {
        "provider_id": provider,
        "a2a_endpoint": "https://agent.example.com/a2a?v=2",
        "skills_indexed": 1,
        "message": "agent card registered successfully",
    }
    got = (await registry.client.get(f"/v1/providers/{provider}/a2a")).json()
    assert got["agent_card"] == CARD and got["a2a_endpoint"] == "https://agent.example.com/a2a?v=2"
    for tag in ("legal", "LEGAL", "nda-review", "translation"):
        (found,) = await search(registry, f"nothing, {tag}")
        assert (found["provider_id"], found["skills"], found["matched_tags"]) == (provider, ["nda-review"], [tag])
    assert await search(registry, "") == [] == await search(registry, "nda")


async def test_ap2_is_computed_from_the_extensions(registry: Registry) -> None:
    """Contract 4.6: `ap2_enabled` was always false."""
    for name, uri, expected in (("A", AP2_EXTENSION, True), ("B", "https://other.example.com", False)):
        provider = (await registry.register(name))["provider_id"]
        await save(registry, provider, capabilities={"extensions": [{"uri": uri}]})
        found = {entry["provider_id"]: entry["ap2_enabled"] for entry in await search(registry, "legal")}
        assert found[provider] is expected


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({**CARD, "name": " "}, "agent card must have name, url, and at least one skill"),
        ({**CARD, "skills": []}, "agent card must have name, url, and at least one skill"),
        ({"name": "x"}, "agent card must have name, url, and at least one skill"),
        ({**CARD, "url": "file:///etc/passwd"}, "invalid agent card: url must be a valid URL"),
        ({**CARD, "skills": [{"id": 5}]}, "skills.0.id: Input should be a valid string"),
        ({**CARD, "skills": [{"tags": [f"{n}-{m}" for m in range(100)]} for n in range(6)]}, "invalid agent card: at"),
        ({**CARD, "description": "x" * 300_000}, "invalid agent card: it must be at most"),
    ],
)
async def test_what_is_wrong_with_a_card_is_said(registry: Registry, card: object, message: str) -> None:
    provider = (await registry.register("Agent"))["provider_id"]
    answer = await registry.client.post(f"/v1/providers/{provider}/agent-card", json=card)
    assert answer.status_code == 400 and error_code(answer) == "bad_request"
    assert answer.json()["error"]["message"].startswith(message)


async def test_only_the_owner_saves_a_card(registry: Registry) -> None:
    provider = (await registry.register("Agent", registry.tenant("t")))["provider_id"]
    path = f"/v1/providers/{provider}/agent-card"
    assert (await registry.tenant("u").post(path, json=CARD)).status_code == 403
    assert (await registry.tenant("t").post(path, json=CARD)).status_code == 200
    assert (await registry.client.post("/v1/providers/prov_none/agent-card", json=CARD)).status_code == 404


async def test_a_new_card_replaces_the_skills_of_the_old_one(registry: Registry) -> None:
    provider = (await registry.register("Agent"))["provider_id"]
    await save(registry, provider)
    await save(registry, provider, skills=[{"id": "ocr", "tags": ["images"]}])
    assert await search(registry, "legal,contracts,nda-review") == []
    assert len(await search(registry, "images")) == 1
    store = runtime_of(registry.app).store
    assert await store.count("skill_index", {"key": "s:legal"}) == 0


async def test_a_search_is_stable_paged_and_leaves_nobody_out(registry: Registry) -> None:
    """Contract 4.6: the limit cut an unordered map, so results differed between calls."""
    expected = []
    for number in range(12):
        provider = (await registry.register(f"Agent {number}", capabilities=["legal"] * (number % 2)))["provider_id"]
        await save(registry, provider, skills=[{"id": "x", "tags": ["legal", "other"]}])
        expected.append(provider)
    for limit in ("1", "5", "12", "100"):
        assert [entry["provider_id"] for entry in await search(registry, "legal,other", limit=limit)] == sorted(
            expected
        )


async def test_a_search_asks_trust_of_the_broker_and_filters_by_it(registry: Registry) -> None:
    ids = [(await registry.register(name))["provider_id"] for name in "ABC"]
    for provider, score in zip(ids, (0.2, 0.5, 0.9), strict=True):
        registry.broker.known[provider] = (score, "VERIFIED")
        await save(registry, provider)
    registry.clock.advance(6)
    for least, expected in (
        ("0.5", set(ids[1:])),
        ("0.51", {ids[2]}),
        ("0,5x", set(ids)),
        ("1", set()),
        ("", set(ids)),
    ):
        assert {entry["provider_id"] for entry in await search(registry, "legal", min_trust=least)} == expected


async def test_a_search_within_a_domain_leaves_out_who_declares_nothing_of_it(registry: Registry) -> None:
    """Contract 4.6: `domain` was ignored."""
    ids: dict[str, str] = {}
    for name, capabilities in (
        ("itself", ["nlp"]),
        ("below", ["nlp.summary", "images"]),
        ("namesake", ["nlpx"]),
        ("elsewhere", ["images"]),
        ("nothing", []),
    ):
        ids[name] = (await registry.register(name, capabilities=capabilities))["provider_id"]
        card = {"name": name, "url": "https://a.example.com", "skills": [{"id": "s", "tags": ["legal"]}]}
        assert (await registry.client.post(f"/v1/providers/{ids[name]}/agent-card", json=card)).status_code == 200
    for domain, expected in (
        ("nlp", {"itself", "below"}),
        ("nlp.summary", {"below"}),
        ("images", {"below", "elsewhere"}),
        ("nl", set[str]()),
        ("", set(ids)),
    ):
        found = {entry["provider_id"] for entry in await search(registry, "legal", domain=domain)}
        assert found == {ids[name] for name in expected}, domain
        if domain:
            answer = (await registry.client.get(f"/v1/capabilities/{domain}")).json()
            assert bool(answer["capabilities"]) is bool(expected), "the same notion of a domain"
    assert await search(registry, "", domain="nlp") == [], "no tags: nobody (contract 4.2)"


async def test_a_search_reads_only_what_may_match(registry: Registry) -> None:
    for number in range(20):
        provider = (await registry.register(f"Agent {number}", capabilities=[f"c{number}"]))["provider_id"]
        await save(registry, provider, skills=[{"id": f"skill{number}"}])
    with Reads(runtime_of(registry.app).store) as reads:
        assert len(await search(registry, "skill3")) == 1
    assert reads.documents == 3, "one index entry, one provider, one card"


async def test_inactive_agents_are_not_found(registry: Registry) -> None:
    provider = (await registry.register("Agent"))["provider_id"]
    await save(registry, provider)
    await registry.client.delete(f"/v1/providers/{provider}")
    assert await search(registry, "legal") == []


async def test_a_crash_at_any_write_of_a_card_leaves_the_old_one_or_the_new_one_to_be_found() -> None:
    """Contract 4.6: card and index were separate steps, and the index was deleted first."""
    for n in range(1, 40):
        broker, inner = FakeBroker(), await open_memory_store(DEFINITION.name)
        async with running(DEFINITION, peers={broker.name: broker}, store=CrashingStore(inner, -1)) as app:
            registry = Registry(app, client_of(app), broker, TestClock())
            provider = (await registry.register("Agent"))["provider_id"]
            await save(registry, provider, skills=[{"id": "old", "tags": ["both"]}])
        store = CrashingStore(inner, crash_at=n, after=True)
        async with running(DEFINITION, peers={broker.name: broker}, store=store) as app:
            body = {**CARD, "skills": [{"id": "new", "tags": ["both"]}]}
            await client_of(app).post(f"/v1/providers/{provider}/agent-card", json=body)
        async with running(DEFINITION, peers={broker.name: broker}, store=CrashingStore(inner, -1)) as app:
            registry = Registry(app, client_of(app), broker, TestClock())
            card = (await registry.client.get(f"/v1/providers/{provider}/a2a")).json()["agent_card"]
            name = card["skills"][0]["id"]
            other = {"old": "new", "new": "old"}[name]
            assert [len(await search(registry, tag)) for tag in (name, "both", other)] == [1, 1, 0], f"write {n}"
        await inner.close()
        if not store.crashed:
            assert name == "new" and n > 4
            return
    pytest.fail("saving a card makes more writes than this test expects")


async def test_capabilities_are_discovered(registry: Registry) -> None:
    await registry.register("A", capabilities=["legal.contracts", "legal"])
    await registry.register("B", capabilities=["legal.contracts", "legalese", "ocr"])
    all_of_them = (await registry.client.get("/v1/capabilities")).json()["capabilities"]
    assert all_of_them == [
        {"capability": "legal", "providers": 1},
        {"capability": "legal.contracts", "providers": 2},
        {"capability": "legalese", "providers": 1},
        {"capability": "ocr", "providers": 1},
    ]
    domain = (await registry.client.get("/v1/capabilities/legal")).json()
    assert [entry["capability"] for entry in domain["capabilities"]] == ["legal", "legal.contracts"]
    assert [entry["name"] for entry in domain["providers"]] == ["A"]
    assert (await registry.client.get("/v1/capabilities/nothing")).json()["capabilities"] == []
    first = (await registry.client.get("/v1/capabilities?limit=3")).json()
    rest = (await registry.client.get("/v1/capabilities", params={"cursor": first["next_cursor"], "limit": "3"})).json()
    assert [e["capability"] for e in first["capabilities"] + rest["capabilities"]] == [
        e["capability"] for e in all_of_them
    ]
    await registry.register("A")
    registry.clock.advance(6)
    assert (await registry.client.get("/v1/capabilities/legal")).json()["capabilities"] == [
        {"capability": "legal.contracts", "providers": 1}
    ]
