"""Registering providers: one name is one provider, keys are looked up and rotate, nobody assigns himself trust."""

import asyncio
import hmac

import pytest

from aex.provider_registry.app import DEFINITION
from aex.provider_registry.index import Index
from tests.app.provider_registry.conftest import FakeBroker, Reads, Registry
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import TestClock, client_of, error_code, running, runtime_of


async def test_a_new_provider_is_active_and_untrusted(registry: Registry) -> None:
    answer = await registry.register("Agent", capabilities=["nlp", "nlp", " ocr "], description="d")
    assert set(answer) == {"provider_id", "api_key", "api_secret", "status", "trust_tier", "created_at"}
    assert (answer["status"], answer["trust_tier"]) == ("ACTIVE", "UNVERIFIED")
    got = (await registry.client.get(f"/v1/providers/{answer['provider_id']}")).json()
    assert got["name"] == "Agent" and got["capabilities"] == ["nlp", "ocr"] and got["trust_score"] == 0.3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": " ", "endpoint": "https://a.example.com"}, "name is required"),
        ({"endpoint": "https://a.example.com"}, "name is required"),
        ({"name": "A"}, "endpoint must be a valid URL: empty"),
        ({"name": "A", "endpoint": "ftp://a"}, "endpoint must be a valid URL: scheme must be http or https"),
        ({"name": "A", "endpoint": "https://"}, "endpoint must be a valid URL: missing host"),
        (
            {"name": "A", "endpoint": "https://a.example.com", "bid_webhook": "x"},
            "bid_webhook must be a valid URL: scheme must be http or https",
        ),
        ({"name": 5, "endpoint": "https://a.example.com"}, "name: Input should be a valid string"),
    ],
)
async def test_what_is_wrong_with_a_registration_is_said(registry: Registry, body: object, message: str) -> None:
    answer = await registry.client.post("/v1/providers", json=body)
    assert answer.status_code == 400 and error_code(answer) == "bad_request"
    assert answer.json()["error"]["message"] == message


async def test_registering_a_name_again_is_no_takeover(registry: Registry) -> None:
    """Contract 4.6: anyone posting an existing name overwrote its endpoint and webhook."""
    alice, mallory = registry.tenant("tenant_a"), registry.tenant("tenant_m")
    first = await registry.register("Agent", alice)
    body = {"name": " Agent ", "endpoint": "https://evil.example.com"}
    answer = await mallory.post("/v1/providers", json=body)
    assert answer.status_code == 409 and error_code(answer) == "conflict"
    got = (await registry.client.get(f"/v1/providers/{first['provider_id']}")).json()
    assert got["endpoint"] == "https://agent.example.com"
    assert (await registry.verdict(first["api_key"]))["valid"] is True


async def test_a_provider_without_owner_is_not_taken_by_a_tenant(registry: Registry) -> None:
    await registry.register("Agent")
    answer = await registry.tenant("tenant_m").post(
        "/v1/providers", json={"name": "Agent", "endpoint": "https://evil.example.com"}
    )
    assert answer.status_code == 409


async def test_sixteen_parallel_registrations_of_a_name_make_one_provider(registry: Registry) -> None:
    """Contract 4.6: check-then-insert without a unique index made two."""
    answers = await asyncio.gather(*(registry.register("Agent", capabilities=[f"c{i}"]) for i in range(16)))
    assert len({answer["provider_id"] for answer in answers}) == 1
    listed = (await registry.client.get("/v1/providers")).json()
    assert listed["total"] == 1
    usable = [answer for answer in answers if (await registry.verdict(answer["api_key"]))["valid"]]
    assert len(usable) == 1, "the last registration's key is the provider's key"
    names = (await registry.client.get("/v1/capabilities")).json()["capabilities"]
    assert [entry["capability"] for entry in names] == listed["providers"][0]["capabilities"]


async def test_registering_again_gives_a_usable_key_and_ends_the_old_one(registry: Registry) -> None:
    """Contract 1.7, re-run rule: upstream answered a placeholder."""
    first = await registry.register("Agent", registry.tenant("t"))
    again = await registry.register("Agent", registry.tenant("t"), endpoint="https://new.example.com")
    assert again["provider_id"] == first["provider_id"] and again["created_at"] == first["created_at"]
    verdict = await registry.verdict(again["api_key"])
    assert verdict == {"valid": True, "provider_id": first["provider_id"], "status": "ACTIVE", "tenant_id": "t"}
    assert (await registry.verdict(first["api_key"]))["valid"] is False
    got = (await registry.client.get(f"/v1/providers/{first['provider_id']}")).json()
    assert got["endpoint"] == "https://new.example.com"


async def test_trust_cannot_be_self_assigned_and_follows_the_broker(registry: Registry) -> None:
    """Contract 4.6: `metadata.trust_score` was believed and never synchronised."""
    answer = await registry.register("Agent", metadata={"trust_score": 0.99, "trust_tier": "PREFERRED"})
    path = f"/v1/providers/{answer['provider_id']}"
    assert answer["trust_tier"] == "UNVERIFIED"
    assert (await registry.client.get(path)).json()["trust_score"] == 0.3
    registry.broker.known[answer["provider_id"]] = (0.82, "TRUSTED")
    registry.clock.advance(6)
    got = (await registry.client.get(path)).json()
    assert (got["trust_score"], got["trust_tier"]) == (0.82, "TRUSTED")


async def test_while_the_broker_is_away_the_last_known_trust_is_shown(registry: Registry) -> None:
    answer = await registry.register("Agent")
    registry.broker.known[answer["provider_id"]] = (0.82, "TRUSTED")
    registry.clock.advance(6)
    path = f"/v1/providers/{answer['provider_id']}"
    await registry.client.get(path)
    registry.broker.away = True
    registry.clock.advance(60)
    assert (await registry.client.get(path)).json()["trust_score"] == 0.82
    asked = registry.broker.calls
    assert (await registry.client.get(path)).json()["trust_score"] == 0.82
    assert registry.broker.calls == asked, "a broker that is away is not asked by every request"


async def test_the_list_asks_for_trust_once_and_is_paged_in_a_stable_order(registry: Registry) -> None:
    """Contract 4.6: every provider was answered at once, unordered."""
    ids = []
    for number in range(7):
        registry.clock.advance(1)
        ids.append((await registry.register(f"Agent {number}"))["provider_id"])
    registry.clock.advance(6)
    asked, found, cursor = registry.broker.calls, [], None
    while True:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = (await registry.client.get("/v1/providers", params=query)).json()
        found += [provider["provider_id"] for provider in page["providers"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert found == ids
    assert registry.broker.calls - asked <= 3
    assert (await registry.client.get("/v1/providers?cursor=nonsense")).status_code == 400


async def test_keys_are_long_peppered_and_never_stored(registry: Registry) -> None:
    """Contract 4.6: 64 bits of randomness, hashed without a pepper."""
    answer = await registry.register("Agent")
    secret = answer["api_key"].removeprefix("aex_pk_live_")[32:]
    assert len(secret) == 48
    stored = await runtime_of(registry.app).store.get("providers", answer["provider_id"])
    assert stored is not None
    assert secret not in str(stored.doc) and answer["api_secret"] not in str(stored.doc)
    assert str(stored.doc["key_hash"]).startswith("1$")


async def test_a_key_is_rehashed_when_the_pepper_has_changed() -> None:
    broker, store = FakeBroker(), await open_memory_store(DEFINITION.name)
    kept = CrashingStore(store, crash_at=-1)  # stays open when a process ends
    async with running(DEFINITION, peers={broker.name: broker}, store=kept) as app:
        registry = Registry(app, client_of(app), broker, TestClock())
        key = (await registry.register("Agent"))["api_key"]
    for salt, made_with in (("2:" + "n" * 32 + ",1:" + "p" * 32, "2"), ("2:" + "n" * 32, "2")):
        async with running(DEFINITION, peers={broker.name: broker}, store=kept, API_KEY_SALT=salt) as app:
            registry = Registry(app, client_of(app), broker, TestClock())
            verdict = await registry.verdict(key)
            assert verdict["valid"] is True
            stored = await store.get("providers", str(verdict["provider_id"]))
            assert stored is not None and str(stored.doc["key_hash"]).startswith(f"{made_with}$")


@pytest.mark.parametrize("key", ["", "x", "aex_pk_live_" + "0" * 80, "aexk_" + "0" * 64, "é" * 40])
async def test_a_key_that_is_nobodys_is_not_valid(registry: Registry, key: str) -> None:
    answer = await registry.client.get("/internal/v1/providers/validate-key", params={"api_key": key})
    if not key:
        assert answer.status_code == 400 and answer.json()["error"]["message"] == "api_key is required"
    else:
        assert answer.status_code == 200
        assert answer.json() == {"valid": False, "provider_id": "", "status": "", "tenant_id": ""}


async def test_validating_a_key_reads_one_document_however_many_providers(registry: Registry) -> None:
    """Contract 4.6: linear scans per request."""
    answers = [await registry.register(f"Agent {number}") for number in range(20)]
    store = runtime_of(registry.app).store
    with Reads(store) as reads:
        assert (await registry.verdict(answers[7]["api_key"]))["valid"] is True
    assert reads.documents == 1


async def test_one_character_off_is_another_key(registry: Registry) -> None:
    key = (await registry.register("Agent"))["api_key"]
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert (await registry.verdict(other))["valid"] is False


async def test_deactivating_ends_the_key_and_registering_brings_back(registry: Registry) -> None:
    owner = registry.tenant("t")
    answer = await registry.register("Agent", owner)
    path = f"/v1/providers/{answer['provider_id']}"
    assert (await registry.tenant("other").delete(path)).status_code == 403
    assert (await owner.delete(path)).json()["status"] == "INACTIVE"
    verdict = await registry.verdict(answer["api_key"])
    assert (verdict["valid"], verdict["status"]) == (False, "INACTIVE")
    assert (await registry.client.get("/v1/providers")).json()["total"] == 0
    assert (await owner.get("/v1/providers?mine=true")).json()["total"] == 1
    assert (await registry.register("Agent", owner))["status"] == "ACTIVE"


async def test_a_suspension_is_the_operators_and_registering_does_not_end_it(registry: Registry) -> None:
    owner, operator = registry.tenant("t"), registry.tenant("tenant_operator", x_aex_scopes="* operator")
    path = f"/v1/providers/{(await registry.register('Agent', owner))['provider_id']}"
    refused = await owner.post(f"{path}/suspend")
    assert refused.status_code == 403 and error_code(refused) == "operator_required"
    assert (await operator.post(f"{path}/suspend")).json()["status"] == "SUSPENDED"
    assert (await registry.register("Agent", owner))["status"] == "SUSPENDED"
    assert (await owner.delete(path)).json()["status"] == "SUSPENDED"
    assert (await owner.post(f"{path}/activate")).status_code == 403
    assert (await operator.post(f"{path}/activate")).json()["status"] == "ACTIVE"


async def test_the_quota_of_agents_is_kept(registry: Registry) -> None:
    owner = registry.tenant("t", x_aex_quotas="requests_per_minute=5,max_agents=2")
    first = await registry.register("A", owner)
    await registry.register("B", owner)
    body = {"name": "C", "endpoint": "https://agent.example.com"}
    refused = await owner.post("/v1/providers", json=body)
    assert refused.status_code == 403 and error_code(refused) == "quota_exceeded"
    await registry.register("A", owner)
    await owner.delete(f"/v1/providers/{first['provider_id']}")
    assert (await owner.post("/v1/providers", json=body)).status_code == 200


async def test_private_fields_are_for_the_owner_and_metadata_is_an_object_of_strings(registry: Registry) -> None:
    owner = registry.tenant("t")
    answer = await registry.register(
        "Agent", owner, bid_webhook="https://hook.example.com", contact_email="a@b.c", metadata={"a": "x", "n": [1]}
    )
    path = f"/v1/providers/{answer['provider_id']}/a2a"
    mine, others = (await owner.get(path)).json(), (await registry.tenant("u").get(path)).json()
    assert mine["metadata"] == {"a": "x", "n": "[1]"} and mine["bid_webhook"] == "https://hook.example.com"
    assert not {"metadata", "bid_webhook", "contact_email", "key_hash", "secret_hash"} & others.keys()
    assert not {"key_hash", "secret_hash"} & mine.keys()


@pytest.mark.parametrize("id", ["prov_unknown", "..", "%2e%2e%2f", "a b", "x" * 200])
async def test_an_unknown_provider_is_not_found(registry: Registry, id: str) -> None:
    assert (await registry.client.get(f"/v1/providers/{id}")).status_code in {400, 404}


async def test_a_crash_at_any_write_of_a_registration_leaves_the_old_provider_or_the_new() -> None:
    for n in range(1, 40):
        broker, inner = FakeBroker(), await open_memory_store(DEFINITION.name)
        async with running(DEFINITION, peers={broker.name: broker}, store=CrashingStore(inner, -1)) as app:
            registry = Registry(app, client_of(app), broker, TestClock())
            old = await registry.register("Agent", capabilities=["old", "both"])
        store = CrashingStore(inner, crash_at=n, after=True)
        async with running(DEFINITION, peers={broker.name: broker}, store=store) as app:
            body = {"name": "Agent", "endpoint": "https://new.example.com", "capabilities": ["new", "both"]}
            answer = await client_of(app).post("/v1/providers", json=body)
        async with running(DEFINITION, peers={broker.name: broker}, store=CrashingStore(inner, -1)) as app:
            registry = Registry(app, client_of(app), broker, TestClock())
            got = (await registry.client.get(f"/v1/providers/{old['provider_id']}")).json()
            is_new = got["endpoint"] == "https://new.example.com"
            assert got["capabilities"] == (["new", "both"] if is_new else ["old", "both"])
            for tag in ("old", "new", "both"):
                found = (await registry.client.get(f"/v1/providers/search?skill_tags={tag}")).json()["total"]
                assert found == (tag in got["capabilities"]), f"{tag} after a crash at write {n}"
            assert (await registry.verdict(old["api_key"]))["valid"] is not is_new
            again = await registry.register("Agent")
            assert (await registry.verdict(again["api_key"]))["valid"] is True
        await inner.close()
        if not store.crashed:
            assert answer.status_code == 200 and n > 5
            return
    pytest.fail("a registration makes more writes than this test expects")


async def test_what_a_crash_left_in_the_index_is_dropped_later(registry: Registry) -> None:
    await registry.register("Agent", capabilities=["nlp"])
    store = runtime_of(registry.app).store
    await Index(store, "skill_index", registry.clock).write("cix_lost", "prov_lost", ["c:nlp"])
    search = "/v1/providers/search?skill_tags=nlp"
    assert (await registry.client.get(search)).json()["total"] == 1
    assert await store.count("skill_index", {"key": "c:nlp"}) == 2, "it may still be on its way"
    registry.clock.advance(120)
    assert (await registry.client.get(search)).json()["total"] == 1
    assert await store.count("skill_index", {"key": "c:nlp"}) == 1


async def test_keys_are_compared_in_constant_time(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 4.6: they were not."""
    key = (await registry.register("Agent"))["api_key"]
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def noting(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr("aex.core.keys.hmac.compare_digest", noting)
    assert (await registry.verdict(key))["valid"] is True
    assert (await registry.verdict(key[:-1] + ("0" if key[-1] != "0" else "1")))["valid"] is False
    assert compared == [(64, 64), (64, 64)]
