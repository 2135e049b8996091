"""Tokens and who sees what of a contract (contract 7.2), and the defects of 7.6 that concern them."""

import hmac

import pytest

from aex.contract_engine.tokens import Party, Tokens
from aex.core.keys import Pepper
from tests.app.contract_engine.engines import engine
from tests.app.store.crashing import open_memory_store
from tests.app.support import TestClock, client_of, error_code


@pytest.mark.parametrize("what", ["progress", "complete", "fail"])
async def test_reports_take_the_right_token(what: str) -> None:
    async with engine() as e:
        contract, other = await e.awarded(), await e.awarded("work_2")
        wrong = ["", "x", "exec_", "exec_" + "0" * 64, other["execution_token"], other["consumer_token"], "é"]
        if what != "fail":
            wrong.append(contract["consumer_token"])
        path = f"/v1/contracts/{contract['contract_id']}/{what}"
        for token in wrong:
            headers = {b"Authorization": b"Bearer " + token.encode()} if token else {}
            answer = await e.client.post(path, json={}, headers=headers)  # pyright: ignore[reportArgumentType]
            assert answer.status_code == 401 and error_code(answer) == "unauthorized", token
        basic = {"Authorization": f"Basic {contract['execution_token']}"}
        assert (await e.client.post(path, json={}, headers=basic)).status_code == 401
        assert (await e.client.post(path, content=b"{")).status_code == 401, "asked for before the body is read"
        bearer = {"Authorization": f"Bearer {contract['execution_token']}"}
        assert (await e.client.post(path, content=b"{", headers=bearer)).status_code == 400
        unknown = await e.client.post(f"/v1/contracts/contract_x/{what}", json={}, headers=bearer)
        assert unknown.status_code == 404
        assert (await e.client.post(f"/v1/contracts/{contract['contract_id']}/x", json={})).status_code == 404
        assert (await e.read(contract))["status"] == "AWARDED"


async def test_defect_7_6_tokens_are_long_derived_and_never_stored() -> None:
    async with engine() as e:
        contract = await e.awarded()
        assert len(contract["execution_token"].removeprefix("exec_")) == 64
        assert contract["execution_token"][5:] != contract["consumer_token"][5:]
        kept = str(await e.stored(contract["contract_id"]))
        assert contract["execution_token"][5:] not in kept and contract["consumer_token"][5:] not in kept


async def test_defect_7_6_a_rotated_pepper_keeps_the_tokens_that_are_out() -> None:
    store = await open_memory_store("aex-contract-engine")
    clock = TestClock()
    old, new = "1:" + "a" * 32, "2:" + "b" * 32
    async with engine(store=store, clock=clock, API_KEY_SALT=old) as e:
        contract = await e.awarded()
        market = e.market
        tokens = Tokens(Pepper(f"{new},{old}"))
        stored = await e.stored(contract["contract_id"])
        assert stored["token_version"] == "1" and tokens.version == "2"
        for party, name in ((Party.PROVIDER, "execution_token"), (Party.CONSUMER, "consumer_token")):
            assert tokens.party_of(f"Bearer {contract[name]}", contract["contract_id"], "1") is party
            assert tokens.party_of(f"Bearer {contract[name]}", contract["contract_id"], "2") is None
        gone = Tokens(Pepper(new))
        assert gone.party_of(f"Bearer {contract['execution_token']}", contract["contract_id"], "1") is None
        assert gone.party_of("Bearer ", contract["contract_id"], "1") is None
        assert market.works


async def test_defect_7_6_a_contract_shows_its_tokens_only_to_whom_they_belong() -> None:
    async with engine() as e:
        contract = await e.awarded()
        where = f"/v1/contracts/{contract['contract_id']}"

        async def shown(client: object, token: str | None = None) -> set[str] | int:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = await client.get(where, headers=headers)  # pyright: ignore[reportAttributeAccessIssue]
            if answer.status_code != 200:
                return answer.status_code
            return {name for name in ("execution_token", "consumer_token") if name in answer.json()}

        gateway = client_of(e.app, x_aex_forwarded="1")
        assert await shown(e.client) == set()
        assert await shown(e.client, contract["execution_token"]) == {"execution_token"}
        assert await shown(e.client, contract["consumer_token"]) == {"consumer_token"}
        assert await shown(e.client, "exec_" + "0" * 64) == 404
        assert await shown(gateway) == 404
        assert await shown(gateway, "x") == 404
        assert await shown(gateway, contract["execution_token"]) == {"execution_token"}
        assert await shown(e.as_tenant("tenant_c")) == {"consumer_token"}
        assert await shown(e.as_tenant("tenant_p")) == {"execution_token"}
        assert await shown(e.as_tenant("tenant_x")) == 404
        assert await shown(e.as_tenant("tenant_x"), contract["consumer_token"]) == {"consumer_token"}
        assert await shown(e.as_tenant("tenant_o", x_aex_scopes="operator")) == set()
        assert await shown(e.as_tenant("tenant_c"), "a.jwt.of.theirs") == {"consumer_token"}


async def test_contracts_are_listed_for_both_parties_in_pages_and_without_tokens() -> None:
    async with engine() as e:
        for number in range(5):
            await e.awarded(f"work_{number}")
            e.clock.advance(1)
        e.market.publish("work_x", consumer_id="tenant_x")
        e.market.bid("bid_x", "work_x", provider_tenant_id="tenant_y", provider_id="prov_y")
        await e.award("work_x", "bid_x")
        async with e.as_tenant("tenant_p") as provider, e.as_tenant("tenant_c") as consumer:
            first = (await provider.get("/v1/contracts?role=provider&limit=3")).json()
            rest = (await provider.get(f"/v1/contracts?role=provider&cursor={first['next_cursor']}")).json()
            works = [row["work_id"] for row in first["contracts"] + rest["contracts"]]
            assert works == [f"work_{number}" for number in (4, 3, 2, 1, 0)] and "next_cursor" not in rest
            assert not any(name.endswith("_token") for row in first["contracts"] for name in row)
            assert (await provider.get("/v1/contracts")).json()["total"] == 0
            assert (await consumer.get("/v1/contracts?consumer_id=tenant_x")).json()["total"] == 5
            assert (await consumer.get("/v1/contracts?role=x")).status_code == 400
            assert error_code(await consumer.get("/v1/contracts?cursor=x")) == "bad_cursor"
        assert (await e.client.get("/v1/contracts?provider_id=prov_y")).json()["total"] == 1
        assert (await e.client.get("/v1/contracts")).status_code == 400
        assert (
            await client_of(e.app, x_aex_forwarded="1").get("/v1/contracts?consumer_id=tenant_c")
        ).status_code == 403


async def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine() as e:
        contract = await e.awarded()
        compared: list[str] = []
        real = hmac.compare_digest

        def noting(one: bytes, other: bytes) -> bool:
            compared.append(other.decode())
            return real(one, other)

        monkeypatch.setattr("aex.contract_engine.tokens.hmac.compare_digest", noting)
        right = contract["execution_token"]
        wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
        assert (await e.report(contract, "progress", wrong)).status_code == 401
        assert (await e.report(contract, "progress", right)).status_code == 200
        assert compared == [wrong, wrong, right, right], "with the tokens of both parties, whichever it is"
