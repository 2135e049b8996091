"""Who gets in: keys and tokens of identity and nothing else, remembered for seconds, refused soon after."""

import asyncio

import pytest

from aex.core.errors import unavailable
from aex.core.logging import configure
from aex.core.settings import Settings
from tests.app.gateway.harness import OPERATOR_KEY, World, world
from tests.app.support import error_code, settings_of


async def test_keys_issued_by_identity_work(w: World) -> None:
    """Keys issued by identity never work, two hard-coded keys do (upstream)."""
    answer = await w.get("/v1/work")
    assert (answer.status_code, answer.json()) == (200, {"target": "aex-work-publisher"})
    assert w.backend.last.headers["x-tenant-id"] == w.tenant_id
    for key in ("dev-api-key", "test-api-key", w.key + "0", "aexk_" + "1" * 64):
        refused = await w.get("/v1/work", key)
        assert (refused.status_code, error_code(refused)) == (401, "invalid_api_key"), key
        assert refused.json()["error"]["message"] == "Invalid API key"
    assert len(w.backend.seen) == 1


async def test_tokens_of_identity_work_and_no_other_bearer_does(w: World) -> None:
    """Any bearer string is an authenticated admin (upstream)."""
    token = await w.token()
    answer = await w.client(authorization=f"Bearer {token}").get("/v1/work")
    assert answer.status_code == 200 and w.backend.last.headers["x-tenant-id"] == w.tenant_id
    assert (await w.client(authorization=f"bearer  {token}").get("/v1/work")).status_code == 200
    for bearer in ("x", "admin", "a.b.c", token[:-3], f"{token}x", w.key, "aex_pk_live_" + "0" * 80):
        refused = await w.client(authorization=f"Bearer {bearer}").get("/v1/work")
        assert (refused.status_code, error_code(refused)) == (401, "invalid_token"), bearer
    assert len(w.backend.seen) == 2


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
async def test_without_a_credential_nothing_is_passed_on(w: World, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    answer = await w.client(**headers).get("/v1/work")
    assert (answer.status_code, error_code(answer)) == (401, "authentication_required")
    assert answer.json()["error"]["message"] == "Authentication required"
    assert not w.backend.seen and w.questions == 0


async def test_a_key_comes_before_a_bearer(w: World) -> None:
    token = await w.token()
    answer = await w.client("aexk_" + "1" * 64, authorization=f"Bearer {token}").get("/v1/work")
    assert (answer.status_code, error_code(answer)) == (401, "invalid_api_key")


async def test_a_revoked_key_is_refused_within_seconds(w: World) -> None:
    """Cached keys would be honoured up to 5 minutes after revocation (upstream): here 5 seconds at most."""
    token = await w.token()
    bearer = w.client(authorization=f"Bearer {token}")
    assert (await w.get("/v1/work")).status_code == (await bearer.get("/v1/work")).status_code == 200
    await w.identity_client.delete(f"/v1/tenants/{w.tenant_id}/api-keys/{w.key_id}")
    w.clock.advance(4.9)
    assert (await w.get("/v1/work")).status_code == (await bearer.get("/v1/work")).status_code == 200
    w.clock.advance(0.2)
    assert error_code(await w.get("/v1/work")) == "invalid_api_key"
    assert error_code(await bearer.get("/v1/work")) == "invalid_token"


async def test_a_suspended_tenant_is_shut_out_and_let_in_within_seconds(w: World) -> None:
    assert (await w.get("/v1/work")).status_code == 200
    await w.identity_client.post(f"/v1/tenants/{w.tenant_id}/suspend", json={"reason": "unpaid"})
    w.clock.advance(5.1)
    assert (await w.get("/v1/work")).status_code == 401
    await w.identity_client.post(f"/v1/tenants/{w.tenant_id}/activate")
    w.clock.advance(2.1)
    assert (await w.get("/v1/work")).status_code == 200


async def test_identity_is_asked_once_in_five_seconds_and_once_for_all_who_wait(w: World) -> None:
    client = w.client(w.key)
    answers = await asyncio.gather(*(client.get("/v1/work") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200} and w.questions == 1
    w.clock.advance(4)
    await client.get("/v1/work")
    assert w.questions == 1
    w.clock.advance(2)
    await asyncio.gather(*(client.get("/v1/work") for _ in range(20)))
    assert w.questions == 2
    for _ in range(3):
        await w.get("/v1/work", "aexk_" + "1" * 64)
    assert w.questions == 3, "refusals are remembered too"


async def test_a_known_key_outlives_an_outage_of_identity_for_half_a_minute(w: World) -> None:
    """Stale if identity is down: what was good stays good for 30 seconds, what is unknown is a 503, never a 401."""
    assert (await w.get("/v1/work")).status_code == 200
    w.identity.fail = unavailable("gone", code="peer_unavailable")
    w.clock.advance(10)
    assert (await w.get("/v1/work")).status_code == 200
    asked = w.questions
    assert (await w.get("/v1/work")).status_code == 200
    assert w.questions == asked, "an identity that is down is not asked by every request"
    unknown = await w.get("/v1/work", "aexk_" + "1" * 64)
    assert (unknown.status_code, error_code(unknown)) == (503, "auth_error")
    assert unknown.json()["error"]["message"] == "Authentication service unavailable"
    assert unknown.headers["retry-after"] == "1"
    w.clock.advance(19)
    assert (await w.get("/v1/work")).status_code == 200
    w.clock.advance(2)
    late = await w.get("/v1/work")
    assert (late.status_code, error_code(late)) == (503, "auth_error")
    w.identity.fail = None
    assert (await w.get("/v1/work")).status_code == 200
    assert await w.metric('aex_gateway_auth_total{outcome="stale"}') >= 2


async def test_stale_is_for_outages_only(w: World) -> None:
    """A clear no from identity ends a remembered yes at once."""
    assert (await w.get("/v1/work")).status_code == 200
    await w.identity_client.delete(f"/v1/tenants/{w.tenant_id}/api-keys/{w.key_id}")
    w.clock.advance(6)
    assert (await w.get("/v1/work")).status_code == 401
    w.identity.fail = unavailable("gone")
    w.clock.advance(6)
    assert (await w.get("/v1/work")).status_code == 503


async def test_tokens_expire_to_the_second_even_when_remembered(w: World) -> None:
    token = await w.token(ttl_seconds=4)
    client = w.client(authorization=f"Bearer {token}")
    assert (await client.get("/v1/work")).status_code == 200
    w.clock.advance(3.9)
    assert (await client.get("/v1/work")).status_code == 200
    w.clock.advance(0.2)
    answer = await client.get("/v1/work")
    assert (answer.status_code, error_code(answer)) == (401, "invalid_token")
    assert "expired" in answer.json()["error"]["message"]


async def test_the_token_secret_rotates() -> None:
    """JWT secret rotation: the gateway accepts both versions while both are configured."""
    both = "2:" + "k" * 32 + ",1:" + "j" * 32
    async with world(JWT_SECRET=both) as w:  # identity still signs with version 1
        assert (await w.client(authorization=f"Bearer {await w.token()}").get("/v1/work")).status_code == 200
    async with world({"JWT_SECRET": both}, JWT_SECRET=both) as w:
        assert (await w.client(authorization=f"Bearer {await w.token()}").get("/v1/work")).status_code == 200
    async with world({"JWT_SECRET": both}, JWT_SECRET="1:" + "j" * 32) as w:
        assert (await w.client(authorization=f"Bearer {await w.token()}").get("/v1/work")).status_code == 401


async def test_a_remembered_refusal_cannot_push_out_a_good_key(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache never shrinks (upstream): both are bounded, each for itself."""
    monkeypatch.setattr("aex.gateway.credentials._MAX_ENTRIES", 5)
    assert (await w.get("/v1/work")).status_code == 200
    for number in range(20):
        await w.get("/v1/work", f"aexk_{number:064x}")
    asked = w.questions
    assert (await w.get("/v1/work")).status_code == 200 and w.questions == asked
    keys = [await w.new_key("*") for _ in range(8)]
    for key in keys:
        assert (await w.get("/v1/work", key)).status_code == 200
    asked = w.questions
    assert (await w.get("/v1/work")).status_code == 200 and w.questions == asked + 1, "the oldest made room"


async def test_scopes_are_enforced(w: World) -> None:
    """Scopes are stored but never checked (upstream)."""
    reader = await w.new_key("work:read", "bids:*")
    for method, path, allowed in (
        ("GET", "/v1/work", True),
        ("GET", "/v1/work/work_1", True),
        ("POST", "/v1/work", False),
        ("POST", "/v1/work/work_1/cancel", False),
        ("GET", "/v1/work/work_1/evaluation", True),
        ("POST", "/v1/work/work_1/award", False),
        ("GET", "/v1/bids", True),
        ("POST", "/v1/bids", True),
        ("GET", "/v1/providers", False),
        ("GET", "/v1/balance?tenant_id=x", False),
        ("POST", "/v1/deposits", False),
        ("GET", f"/v1/tenants/{w.tenant_id}", False),
        ("POST", "/v1/logs", False),
    ):
        answer = await w.client(reader).request(method, path)
        assert answer.status_code == (200 if allowed else 403), (method, path)
        if not allowed:
            assert error_code(answer) == "insufficient_scope"
            assert "x-ratelimit-remaining" in answer.headers
    narrowed = await w.token(scopes=["providers:read"])
    client = w.client(authorization=f"Bearer {narrowed}")
    assert (await client.get("/v1/providers")).status_code == 200
    assert (await client.get("/v1/work")).status_code == 403


async def test_running_the_exchange_is_not_part_of_using_it(w: World) -> None:
    """`*` does not cover `operator`."""
    for method, path in (
        ("GET", "/v1/tenants"),
        ("POST", "/v1/tenants"),
        ("POST", f"/v1/tenants/{w.tenant_id}/suspend"),
        ("POST", f"/v1/tenants/{w.tenant_id}/activate"),
        ("PUT", f"/v1/tenants/{w.tenant_id}/quotas"),
        ("POST", "/v1/providers/prov_1/trust"),
    ):
        answer = await w.client(w.key).request(method, path)
        assert (answer.status_code, error_code(answer)) == (403, "insufficient_scope"), (method, path)
        assert (await w.client(OPERATOR_KEY).request(method, path)).status_code == 200
    assert (await w.get(f"/v1/tenants/{w.tenant_id}")).status_code == 200
    assert (await w.client(w.key).post(f"/v1/tenants/{w.tenant_id}/api-keys")).status_code == 200


async def test_the_key_itself_reaches_only_the_exchange_of_tokens(w: World) -> None:
    await w.client(w.key).post("/v1/tokens")
    assert w.backend.last.target == "aex-identity" and w.backend.last.headers["x-api-key"] == w.key
    assert "authorization" not in w.backend.last.headers
    for path in ("/v1/work", "/v1/bids", "/v1/contracts/c1", f"/v1/tenants/{w.tenant_id}"):
        await w.get(path)
        assert "x-api-key" not in w.backend.last.headers, path
    bad = await w.client("aexk_" + "1" * 64).post("/v1/tokens")
    assert (bad.status_code, error_code(bad)) == (401, "invalid_api_key")
    body = await w.client().post("/v1/tokens", json={"api_key": w.key})
    assert body.status_code == 200 and "x-tenant-id" not in w.backend.last.headers


async def test_no_credential_is_ever_logged(w: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Keys and tokens never in logs."""
    configure(settings_of(Settings, LOG_LEVEL="debug"), "aex-gateway")
    token = await w.token()
    bare = "aex_pk_live_" + "ab" * 40
    await w.get("/v1/work")
    await w.client(authorization=f"Bearer {token}").get("/v1/work")
    await w.client(authorization=f"Bearer {bare}").post("/v1/bids", json={})
    await w.get("/v1/work", "aexk_" + "f" * 64)
    await w.client(w.key).post("/v1/tokens")
    w.identity.fail = unavailable("gone")
    w.clock.advance(60)
    await w.get("/v1/work")
    await w.get(f"/v1/work/{w.key}")
    out, err = capfd.readouterr()
    assert '"event":"request"' in out, "the log was not captured"
    for secret in (w.key[21:], token, token.split(".")[2], bare[20:], "f" * 40):
        assert secret not in out + err
