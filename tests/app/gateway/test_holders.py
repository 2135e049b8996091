"""A suspended tenant is shut out at every door: also where its provider's key would do without an API key."""

import httpx

from aex.core.errors import unavailable
from aex.gateway.holders import STANDING_SECONDS
from tests.app.gateway.harness import World
from tests.app.support import error_code

KEY = "aex_pk_live_" + "ab" * 40


async def bids(w: World, key: str = KEY) -> httpx.Response:
    return await w.client(authorization=f"Bearer {key}").post("/v1/bids", json={})


async def set_standing(w: World, what: str) -> None:
    assert (await w.identity_client.post(f"/v1/tenants/{w.tenant_id}/{what}")).status_code == 200
    w.clock.advance(STANDING_SECONDS + 0.1)


async def test_a_suspended_tenants_providers_are_shut_out_and_let_in_within_seconds(w: World) -> None:
    w.registry.owners[KEY] = w.tenant_id
    assert (await bids(w)).status_code == 200
    await set_standing(w, "suspend")
    refused = await bids(w)
    assert (refused.status_code, error_code(refused)) == (403, "tenant_suspended")
    assert "operator" in refused.text and KEY[12:] not in refused.text
    assert (await w.client(authorization=f"Bearer {KEY}").get("/v1/bids")).status_code == 403
    await set_standing(w, "activate")
    assert (await bids(w)).status_code == 200


async def test_whether_a_key_is_valid_stays_the_backends_question(w: World) -> None:
    for key in ("aex_pk_live_" + "0" * 80, "aex_pk_live_" + "0" * 800, "exec_" + "0" * 64):
        assert (await bids(w, key)).status_code == 200, "the fake backend takes anything"
    assert w.registry.questions == 1, "what cannot be a provider's key is not asked about"
    w.registry.owners[KEY] = "tenant_that_identity_does_not_know"
    assert (await bids(w)).status_code == 200


async def test_questions_are_few_and_an_outage_shuts_nobody_out(w: World) -> None:
    w.registry.owners[KEY] = w.tenant_id
    before = w.questions
    for _ in range(3):
        assert (await bids(w)).status_code == 200
    assert (w.registry.questions, w.questions - before) == (1, 1)
    w.identity.fail = unavailable("aex-identity cannot be reached")
    w.clock.advance(STANDING_SECONDS + 0.1)
    assert (await bids(w)).status_code == 200
    w.registry.fail = unavailable("aex-provider-registry cannot be reached")
    assert (await bids(w, "aex_pk_live_" + "cd" * 40)).status_code == 200
