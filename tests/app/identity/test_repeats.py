"""Creates that are repeated, interrupted or raced: one tenant, one key, and nothing half-made that opens a door."""

import asyncio
import contextlib

import httpx
import pytest

from aex.core.errors import ApiError
from aex.identity.keys import REPEAT_SECONDS
from tests.app.identity.harness import OPERATOR_KEY, Identity, identity, kept
from tests.app.store.crashing import Crashed, CrashingStore, open_memory_store
from tests.app.support import error_code

IDEMPOTENT = {"X-Idempotency-Key": "order-66"}


@pytest.mark.parametrize("header", ["X-Idempotency-Key", "Idempotency-Key"])
async def test_a_repeated_create_of_a_tenant_answers_the_same(id_: Identity, header: str) -> None:
    first = await id_.direct.post("/v1/tenants", json={"name": "Acme"}, headers={header: "a"})
    id_.clock.advance(30)
    again = await id_.direct.post("/v1/tenants", json={"name": "Acme"}, headers={header: "a"})
    assert again.status_code == 201 and again.json() == first.json()
    assert (await id_.validate(again.json()["api_key"]["key"])).status_code == 200
    other = await id_.direct.post("/v1/tenants", json={"name": "Other"}, headers={header: "a"})
    assert (other.status_code, error_code(other)) == (409, "idempotency_key_reused")
    assert len((await id_.direct.get("/v1/tenants")).json()["tenants"]) == 2  # with the operator


async def test_a_repeated_create_of_a_key_answers_the_same(id_: Identity) -> None:
    tenant_id, _, _ = await id_.tenant()
    path = f"/v1/tenants/{tenant_id}/api-keys"
    first = await id_.direct.post(path, json={"name": "ci"}, headers=IDEMPOTENT)
    again = await id_.direct.post(path, json={"name": "ci"}, headers=IDEMPOTENT)
    assert first.status_code == again.status_code == 201 and again.json() == first.json()
    other = await id_.direct.post(path, json={"name": "cd"}, headers=IDEMPOTENT)
    assert (other.status_code, error_code(other)) == (409, "idempotency_key_reused")
    assert len((await id_.direct.get(path)).json()) == 2
    other_tenant, _, _ = await id_.tenant()
    elsewhere = await id_.direct.post(f"/v1/tenants/{other_tenant}/api-keys", json={"name": "ci"}, headers=IDEMPOTENT)
    assert elsewhere.json()["key"] != first.json()["key"]


async def test_a_key_is_not_shown_again_after_a_while_or_once_revoked(id_: Identity) -> None:
    tenant_id, _, _ = await id_.tenant()
    path = f"/v1/tenants/{tenant_id}/api-keys"
    made = (await id_.direct.post(path, json={}, headers=IDEMPOTENT)).json()
    id_.clock.advance(REPEAT_SECONDS + 1)
    late = await id_.direct.post(path, json={}, headers=IDEMPOTENT)
    assert (late.status_code, error_code(late)) == (409, "key_not_shown")
    second = (await id_.direct.post(path, json={}, headers={"X-Idempotency-Key": "b"})).json()
    await id_.direct.delete(f"{path}/{second['id']}")
    revoked = await id_.direct.post(path, json={}, headers={"X-Idempotency-Key": "b"})
    assert (revoked.status_code, error_code(revoked)) == (409, "key_not_shown")
    assert (await id_.validate(made["key"])).status_code == 200


@pytest.mark.parametrize("key", ["a b", "x" * 201])
async def test_an_idempotency_key_has_a_form(id_: Identity, key: str) -> None:
    answer = await id_.direct.post("/v1/tenants", json={"name": "Acme"}, headers={"X-Idempotency-Key": key})
    assert answer.status_code == 400


async def test_sixteen_creates_with_one_idempotency_key_make_one_tenant(id_: Identity) -> None:
    answers = await asyncio.gather(
        *(id_.direct.post("/v1/tenants", json={"name": "Acme"}, headers=IDEMPOTENT) for _ in range(16))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["api_key"]["key"] for answer in answers}) == 1
    assert len((await id_.direct.get("/v1/tenants")).json()["tenants"]) == 2


async def post(id_: Identity, path: str, body: dict[str, object], headers: dict[str, str]) -> httpx.Response | None:
    """One request to a service that may die in the middle of it."""
    with contextlib.suppress(Crashed, ApiError):
        return await id_.direct.post(path, json=body, headers=headers)
    return None


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("idempotent", [False, True], ids=["once", "with an idempotency key"])
async def test_a_crash_at_any_write_leaves_no_tenant_without_its_key(after: bool, idempotent: bool) -> None:
    """Tenant and first key are two writes without a transaction (upstream): failure left a tenant without a key."""
    headers = IDEMPOTENT if idempotent else {}
    crash_at = 0
    crashed = True
    while crashed:
        crash_at += 1
        inner = await open_memory_store("aex-identity")
        store = CrashingStore(inner, crash_at, after=after)
        with contextlib.suppress(Crashed):
            async with identity(store, OPERATOR_KEY=None) as id_:
                await post(id_, "/v1/tenants", {"name": "Acme"}, headers)
        crashed = store.crashed

        async with identity(kept(inner), OPERATOR_KEY=None) as id_:
            tenants = (await id_.direct.get("/v1/tenants")).json()["tenants"]
            for tenant in tenants:
                keys = (await id_.direct.get(f"/v1/tenants/{tenant['id']}/api-keys")).json()
                assert [key["status"] for key in keys] == ["ACTIVE"], f"tenant without key after write {crash_at}"
            repeated = await id_.direct.post("/v1/tenants", json={"name": "Acme"}, headers=headers)
            assert repeated.status_code == 201
            body = repeated.json()
            worth = await id_.validate(body["api_key"]["key"])
            assert worth.json()["tenant_id"] == body["id"]
            if idempotent:
                assert len((await id_.direct.get("/v1/tenants")).json()["tenants"]) == 1
        await inner.close()
    assert crash_at > 2, "creating a tenant was expected to be two writes"


async def test_a_key_of_no_tenant_opens_nothing() -> None:
    """What a crash between the key and its tenant leaves."""
    inner = await open_memory_store("aex-identity")
    async with identity(CrashingStore(inner, 2), OPERATOR_KEY=None) as id_:
        await post(id_, "/v1/tenants", {"name": "Acme"}, IDEMPOTENT)
    async with identity(kept(inner), OPERATOR_KEY=None) as id_:
        assert (await id_.direct.get("/v1/tenants")).json()["tenants"] == []
        repeated = (await id_.direct.post("/v1/tenants", json={"name": "Acme"}, headers=IDEMPOTENT)).json()
        assert (await id_.validate(repeated["api_key"]["key"])).status_code == 200
    fresh = await open_memory_store("aex-identity")
    async with identity(kept(fresh), OPERATOR_KEY=None) as id_:
        same = (await id_.direct.post("/v1/tenants", json={"name": "Acme"}, headers=IDEMPOTENT)).json()
        await fresh.delete("tenants", same["id"])
        assert (await id_.validate(same["api_key"]["key"])).status_code == 401


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_while_a_key_is_made_or_revoked_leaves_it_made_or_not(after: bool) -> None:
    for crash_at in (1, 2):
        inner = await open_memory_store("aex-identity")
        async with identity(kept(inner), OPERATOR_KEY=None) as id_:
            tenant_id, first, first_id = await id_.tenant()
        path = f"/v1/tenants/{tenant_id}/api-keys"
        async with identity(CrashingStore(inner, crash_at, after=after), OPERATOR_KEY=None) as id_:
            await post(id_, path, {"name": "ci"}, IDEMPOTENT)
            with contextlib.suppress(Crashed):
                await id_.direct.delete(f"{path}/{first_id}")
        async with identity(kept(inner), OPERATOR_KEY=None) as id_:
            made = (await id_.direct.post(path, json={"name": "ci"}, headers=IDEMPOTENT)).json()
            assert (await id_.validate(made["key"])).status_code == 200
            assert len((await id_.direct.get(path)).json()) == 2
            await id_.direct.delete(f"{path}/{first_id}")
            assert (await id_.validate(first)).status_code == 401
        await inner.close()


async def test_the_operators_key_is_there_from_the_start_and_rotates() -> None:
    inner = await open_memory_store("aex-identity")
    newer = "aexk_" + "1" * 64

    for _ in range(2):  # a second start changes nothing
        async with identity(kept(inner)) as id_:
            worth = (await id_.validate(OPERATOR_KEY)).json()
            assert (worth["tenant_id"], worth["scopes"]) == ("tenant_operator", ["*", "operator"])
            assert len((await id_.direct.get("/v1/tenants/tenant_operator/api-keys")).json()) == 1
    async with identity(kept(inner)) as id_:
        by_hand, _ = await id_.key("tenant_operator", name="by hand", scopes=["operator"])
    async with identity(kept(inner), OPERATOR_KEY=f"2:{newer},1:{OPERATOR_KEY}") as id_:
        assert (await id_.validate(newer)).status_code == (await id_.validate(OPERATOR_KEY)).status_code == 200
    async with identity(kept(inner), OPERATOR_KEY=newer) as id_:
        assert (await id_.validate(newer)).status_code == 200
        assert (await id_.validate(OPERATOR_KEY)).status_code == 401
        assert (await id_.validate(by_hand)).status_code == 200
    async with identity(kept(inner), OPERATOR_KEY=newer, API_KEY_SALT="1:" + "z" * 32) as id_:
        assert (await id_.validate(newer)).status_code == 200, "a replaced pepper must not lock the operator out"


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_while_the_operator_is_seeded_is_repaired_by_the_next_start(after: bool) -> None:
    for crash_at in (1, 2, 3):
        inner = await open_memory_store("aex-identity")
        with contextlib.suppress(Crashed):
            async with identity(CrashingStore(inner, crash_at, after=after)):
                pass
        async with identity(kept(inner)) as id_:
            assert (await id_.validate(OPERATOR_KEY)).status_code == 200
        await inner.close()


@pytest.mark.parametrize("key", ["secret", "aexk_" + "0" * 63, "1:aexk_" + "0" * 64 + ",2:x"])
async def test_a_malformed_operator_key_stops_the_start_with_a_remedy(key: str) -> None:
    with pytest.raises(ValueError, match="OPERATOR_KEY must be aexk_ and 64 hex digits"):
        async with identity(OPERATOR_KEY=key):
            pass
