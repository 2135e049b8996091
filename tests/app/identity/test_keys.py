"""API keys: shown once, compared safely, revocable for good, and never in a log line or a document."""

import asyncio
import hmac
import json

import pytest

from aex.core.logging import configure
from aex.core.settings import Settings
from aex.identity.keys import MAX_ACTIVE_KEYS
from tests.app.identity.harness import OPERATOR_KEY, VALIDATE, Identity, identity, kept
from tests.app.store.crashing import open_memory_store
from tests.app.support import error_code, runtime_of, settings_of


async def test_keys_are_made_listed_and_used(id_: Identity) -> None:
    tenant_id, _, first_id = await id_.tenant()
    id_.clock.advance(1)
    answer = await id_.direct.post(
        f"/v1/tenants/{tenant_id}/api-keys",
        json={
            "name": "ci",
            "scopes": [" work:read ", "work:read", "bids:*"],
            "expires_at": "2026-11-24T14:00:00+01:00",
        },
    )
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
    assert set(made) == {"id", "name", "key", "prefix", "scopes", "created_at", "expires_at"}
    assert made["scopes"] == ["work:read", "bids:*"] and made["expires_at"] == "2026-11-24T13:00:00Z"

    worth = (await id_.validate(made["key"])).json()
    assert worth["valid"] is True and worth["tenant_id"] == tenant_id and worth["tenant_status"] == "ACTIVE"
    assert worth["key_id"] == made["id"] and worth["scopes"] == ["work:read", "bids:*"]

    listed = (await id_.direct.get(f"/v1/tenants/{tenant_id}/api-keys")).json()
    assert [key["id"] for key in listed] == [first_id, made["id"]]
    assert [key["scopes"] for key in listed] == [["*"], ["work:read", "bids:*"]]
    assert listed[1]["last_used_at"] == "2026-11-24T12:00:01Z" and "last_used_at" not in listed[0]
    assert made["key"] not in json.dumps(listed)
    assert not {"hash", "key", "request", "made_with"} & set(listed[1])


async def test_keys_can_be_revoked(id_: Identity) -> None:
    """Keys cannot be revoked (upstream): DELETE always answered 400, because the id was cut out wrongly."""
    tenant_id, key, key_id = await id_.tenant()
    token = (await id_.direct.post("/v1/tokens", headers={"X-API-Key": key})).json()["token"]
    assert token
    answer = await id_.direct.delete(f"/v1/tenants/{tenant_id}/api-keys/{key_id}")
    assert (answer.status_code, answer.json()) == (200, {"revoked": True, "id": key_id})
    assert (await id_.validate(key)).status_code == 401
    assert (await id_.direct.post(VALIDATE, json={"key_id": key_id})).status_code == 401
    assert (await id_.direct.post("/v1/tokens", headers={"X-API-Key": key})).status_code == 401
    listed = (await id_.direct.get(f"/v1/tenants/{tenant_id}/api-keys")).json()
    assert listed[0]["status"] == "REVOKED" and listed[0]["revoked_at"] == "2026-11-24T12:00:00Z"
    id_.clock.advance(5)
    assert (await id_.direct.delete(f"/v1/tenants/{tenant_id}/api-keys/{key_id}")).status_code == 200
    assert (await id_.direct.get(f"/v1/tenants/{tenant_id}/api-keys")).json() == listed


async def test_sixteen_revocations_and_checks_at_once_leave_the_key_revoked(id_: Identity) -> None:
    """Validation writes the key back (upstream): a revocation between its read and its write was undone."""
    for round_ in range(4):
        tenant_id, key, key_id = await id_.tenant()
        path = f"/v1/tenants/{tenant_id}/api-keys/{key_id}"
        id_.clock.advance(120 * round_)
        answers = await asyncio.gather(
            *(id_.direct.delete(path) for _ in range(16)), *(id_.validate(key) for _ in range(16))
        )
        assert {answer.status_code for answer in answers[:16]} == {200}
        assert {answer.status_code for answer in answers[16:]} <= {200, 401}
        assert (await id_.validate(key)).status_code == 401
        listed = (await id_.direct.get(f"/v1/tenants/{tenant_id}/api-keys")).json()
        assert listed[0]["status"] == "REVOKED"


async def test_use_is_noted_once_a_minute_and_not_once_a_request(id_: Identity) -> None:
    """One write per validation (upstream)."""
    _, key, key_id = await id_.tenant()
    store = runtime_of(id_.app).store

    async def version() -> int:
        stored = await store.get("api_keys", key_id)
        assert stored is not None
        return stored.version

    before = await version()
    for _ in range(10):
        assert (await id_.validate(key)).status_code == 200
    once = await version()
    assert once != before
    id_.clock.advance(61)
    await id_.validate(key)
    twice = await version()
    assert twice != once
    await id_.validate(key)
    assert await version() == twice


async def test_keys_expire(id_: Identity) -> None:
    tenant_id, _, _ = await id_.tenant()
    key, key_id = await id_.key(tenant_id, expires_at="2026-11-24T12:01:00Z")
    assert (await id_.validate(key)).status_code == 200
    id_.clock.advance(60)
    assert (await id_.validate(key)).status_code == 401
    listed = {key["id"]: key for key in (await id_.direct.get(f"/v1/tenants/{tenant_id}/api-keys")).json()}
    assert listed[key_id]["status"] == "EXPIRED"
    answer = await id_.direct.post(f"/v1/tenants/{tenant_id}/api-keys", json={"expires_at": "2026-11-24T12:01:00Z"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "key", ["x", "dev-api-key", "aexk_", "aexk_" + "0" * 63, "aexk_" + "G" * 64, "aexk_" + "1" * 64, "ä", "a" * 5000]
)
async def test_what_is_no_key_is_refused_alike(id_: Identity, key: str) -> None:
    """Two hard-coded keys work in every environment (upstream): here no key works that identity did not make."""
    answer = await id_.validate(key)
    assert (answer.status_code, error_code(answer)) == (401, "invalid_api_key")


async def test_a_key_with_one_digit_changed_is_refused_like_an_unknown_one(id_: Identity) -> None:
    _, key, _ = await id_.tenant()
    for place in (5, 20, 21, 40, 68):
        changed = key[:place] + ("0" if key[place] != "0" else "1") + key[place + 1 :]
        answer = await id_.validate(changed)
        assert (answer.status_code, error_code(answer)) == (401, "invalid_api_key"), place


@pytest.mark.parametrize("body", ["{}", '{"api_key":""}', "{", '{"api_key":7}', '{"api_key":"\\ud800"}'])
async def test_validate_needs_a_key(id_: Identity, body: str) -> None:
    assert (await id_.direct.post(VALIDATE, content=body)).status_code == 400


async def test_keys_are_compared_in_constant_time(id_: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Constant-time comparison: every check of a key that names an existing document goes through `compare_digest`."""
    _, key, _ = await id_.tenant()
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def noting(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr("aex.core.keys.hmac.compare_digest", noting)
    assert (await id_.validate(key)).status_code == 200
    assert (await id_.validate(key[:-1] + ("0" if key[-1] != "0" else "1"))).status_code == 401
    assert compared == [(64, 64), (64, 64)]


async def test_no_key_or_token_is_logged_or_stored(id_: Identity, capfd: pytest.CaptureFixture[str]) -> None:
    """Keys never in logs, and only as a hash in the store."""
    configure(settings_of(Settings), "aex-identity")
    tenant_id, first, _ = await id_.tenant()
    second, key_id = await id_.key(tenant_id, name="second")
    answer = await id_.direct.post("/v1/tokens", headers={"X-API-Key": first})
    token = answer.json()["token"]
    await id_.validate(second)
    await id_.validate(second[:-1] + "z")
    await id_.direct.post("/v1/tokens", json={"api_key": second, "scopes": ["x"]})
    await id_.direct.get(f"/v1/tenants/{second}")
    await id_.direct.delete(f"/v1/tenants/{tenant_id}/api-keys/{key_id}")
    out, err = capfd.readouterr()
    assert "key revoked" in out + err, "the log was not captured"
    stored = await runtime_of(id_.app).store.query("api_keys", {"tenant_id": tenant_id}, order="created_at", limit=10)
    documents = json.dumps([key.doc for key in stored.items])
    for secret in (first, second):
        assert secret[21:] not in documents
        assert secret[21:] not in out + err
    assert token not in out + err
    assert len(stored.items[0].doc["hash"]) == len("1$") + 64  # pyright: ignore[reportArgumentType]


async def test_a_key_cannot_grant_what_its_creator_lacks(id_: Identity) -> None:
    """Scopes never enforced by anybody (upstream)."""
    tenant_id, _, _ = await id_.tenant()
    path = f"/v1/tenants/{tenant_id}/api-keys"
    limited = id_.as_tenant(tenant_id, "keys:write", "work:*")
    for granted in (["work:read"], ["work:*"], ["keys:write", "work:write"]):
        answer = await limited.post(path, json={"scopes": granted})
        assert answer.status_code == 201 and answer.json()["scopes"] == granted
    for refused in (["*"], ["bids:read"], ["work:read", "keys:read"], ["keys:*"]):
        answer = await limited.post(path, json={"scopes": refused})
        assert (answer.status_code, error_code(answer)) == (403, "insufficient_scope"), refused
    inherited = await limited.post(path, json={"name": "same"})
    assert inherited.json()["scopes"] == ["keys:write", "work:*"]
    whole = id_.as_tenant(tenant_id, "*")
    assert (await whole.post(path, json={})).json()["scopes"] == ["*"]
    operator = await whole.post(path, json={"scopes": ["operator"]})
    assert operator.status_code == 400
    mine = await id_.as_tenant("tenant_operator", "*").post(
        "/v1/tenants/tenant_operator/api-keys", json={"scopes": ["operator"]}
    )
    assert (mine.status_code, error_code(mine)) == (403, "insufficient_scope")


@pytest.mark.parametrize("scopes", [["a b"], ["x" * 65], ["ü"], [7], "work:read", [f"s{n}" for n in range(51)]])
async def test_what_is_no_scope_is_a_400(id_: Identity, scopes: object) -> None:
    tenant_id, _, _ = await id_.tenant()
    answer = await id_.direct.post(f"/v1/tenants/{tenant_id}/api-keys", json={"scopes": scopes})
    assert answer.status_code == 400


async def test_an_empty_body_is_a_400_and_blank_names_have_a_default(id_: Identity) -> None:
    tenant_id, _, _ = await id_.tenant()
    path = f"/v1/tenants/{tenant_id}/api-keys"
    assert (await id_.direct.post(path)).status_code == 400
    assert (await id_.direct.post(path, json={"name": " ", "scopes": []})).json()["name"] == "key"


async def test_keys_are_listed_in_pages(id_: Identity) -> None:
    """Key list not paged (upstream)."""
    tenant_id, _, _ = await id_.tenant()
    for _ in range(4):
        id_.clock.advance(1)
        await id_.key(tenant_id)
    path = f"/v1/tenants/{tenant_id}/api-keys"
    first = await id_.direct.get(path, params={"limit": "3"})
    second = await id_.direct.get(path, params={"limit": "3", "cursor": first.headers["x-next-cursor"]})
    assert (len(first.json()), len(second.json())) == (3, 2)
    assert "x-next-cursor" not in second.headers
    assert len({key["id"] for key in first.json() + second.json()}) == 5


async def test_a_tenant_has_a_bounded_number_of_keys(id_: Identity) -> None:
    tenant_id, _, key_id = await id_.tenant()
    store = runtime_of(id_.app).store
    stored = await store.get("api_keys", key_id)
    assert stored is not None
    for number in range(MAX_ACTIVE_KEYS - 1):
        await store.insert("api_keys", f"key_filler{number}", stored.doc)
    answer = await id_.direct.post(f"/v1/tenants/{tenant_id}/api-keys", json={"name": "one more"})
    assert (answer.status_code, error_code(answer)) == (409, "too_many_keys")
    await id_.direct.delete(f"/v1/tenants/{tenant_id}/api-keys/{key_id}")
    assert (await id_.direct.post(f"/v1/tenants/{tenant_id}/api-keys", json={"name": "one more"})).status_code == 201


async def test_the_pepper_rotates_and_keys_are_rehashed_when_used() -> None:
    """Pepper rotation: both versions verify; use moves a key to the newest; then the old one can go."""
    store = await open_memory_store("aex-identity")
    old, new = "1:" + "p" * 32, "2:" + "q" * 32

    async def hashes() -> dict[str, str]:
        page = await store.query("api_keys", {"tenant_id": tenant_id}, order="created_at", limit=10)
        return {key.id: str(key.doc["hash"])[:2] for key in page.items}

    async with identity(kept(store), API_KEY_SALT=old) as id_:
        tenant_id, used, used_id = await id_.tenant()
        idle, idle_id = await id_.key(tenant_id)
        assert set((await hashes()).values()) == {"1$"}
    async with identity(kept(store), API_KEY_SALT=f"{new},{old}") as id_:
        assert (await id_.validate(used)).status_code == 200
        assert (await id_.validate(OPERATOR_KEY)).status_code == 200
        assert await hashes() == {used_id: "2$", idle_id: "1$"}
    async with identity(kept(store), API_KEY_SALT=new) as id_:
        assert (await id_.validate(used)).status_code == 200
        assert (await id_.validate(idle)).status_code == 401
        assert (await id_.validate(OPERATOR_KEY)).status_code == 200
