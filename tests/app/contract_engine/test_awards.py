"""Awarding over HTTP (contract 7.2), and the defects of 7.6 that concern it."""

import asyncio

import pytest

from aex.core.ids import derived_id
from aex.store.port import JsonValue
from tests.app.contract_engine.engines import engine
from tests.app.contract_engine.peers import Market, refused
from tests.app.support import error_code


async def test_an_award_answers_the_contract_and_both_tokens() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid(price=0.3)
        answer = await e.award()
        assert answer.status_code == 200
        body = answer.json()
        assert body["execution_token"].startswith("exec_") and body["consumer_token"].startswith("cons_")
        assert {key: value for key, value in body.items() if not key.endswith("_token")} == {
            "contract_id": derived_id("contract_", "work_1"),
            "work_id": "work_1",
            "bid_id": "bid_1",
            "provider_id": "prov_p",
            "agreed_price": 0.3,
            "status": "AWARDED",
            "provider_endpoint": "https://p.example/a2a",
            "expires_at": "2026-11-24T13:00:00Z",
            "awarded_at": "2026-11-24T12:00:00Z",
        }
        assert e.market.works["work_1"]["status"] == "AWARDED"
        assert e.market.works["work_1"]["contract_id"] == body["contract_id"]


async def test_defect_7_6_the_consumer_and_the_sla_are_kept() -> None:
    async with engine() as e:
        contract = await e.read(await e.awarded())
        assert contract["consumer_id"] == "tenant_c"
        assert contract["sla"] == {"max_latency_ms": 2000, "availability": 0.99}


async def test_defect_7_6_a_work_is_awarded_once() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        e.market.bid("bid_2")
        assert (await e.award()).status_code == 200
        for again in (await e.award(), await e.award(bid_id="bid_2"), await e.auto_award()):
            assert again.status_code == 409 and error_code(again) == "already_awarded"


async def test_defect_7_6_16_awards_of_one_work_at_once_are_one() -> None:
    async with engine() as e:
        e.market.publish()
        for number in range(4):
            e.market.bid(f"bid_{number}", price=number + 1)
        calls = [e.auto_award() if number % 5 == 4 else e.award(bid_id=f"bid_{number % 4}") for number in range(16)]
        answers = await asyncio.gather(*calls)
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert len(won) == 1
        assert {error_code(a) for a in answers if a.status_code != 200} <= {"award_in_progress", "already_awarded"}
        await e.recover()
        assert e.market.works["work_1"]["contract_id"] == won[0]["contract_id"]
        assert e.market.works["work_1"]["bid_id"] == won[0]["bid_id"]
        page = await e.store.query("contracts", {"consumer_id": "tenant_c"}, order="-awarded_at", limit=10)
        assert len(page.items) == 1


async def test_the_same_key_gets_the_same_contract_again() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        first, again = await e.award(key="k"), await e.award(key="k")
        assert first.json() == again.json() and again.status_code == 200
        assert (await e.award(key="other")).status_code == 409


async def test_defect_7_6_only_the_consumer_of_the_work_awards_it() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        async with e.as_tenant("tenant_x") as stranger, e.as_tenant("tenant_c") as consumer:
            answer = await stranger.post("/v1/work/work_1/award", json={"bid_id": "bid_1"})
            assert answer.status_code == 403
            assert e.market.works["work_1"]["status"] == "OPEN"
            assert (await consumer.post("/v1/work/work_1/award", json={"bid_id": "bid_1"})).status_code == 200
            assert (await stranger.post("/v1/work/work_1/award", json={"bid_id": "bid_1"})).status_code == 403


@pytest.mark.parametrize("status", ["CANCELLED", "COMPLETED", "AWARDED"])
async def test_work_that_is_not_open_cannot_be_awarded(status: str) -> None:
    async with engine() as e:
        e.market.publish(status=status)
        e.market.bid()
        answer = await e.award()
        assert answer.status_code == 409 and error_code(answer) == "work_not_awardable"
        assert await e.store.get("contracts", derived_id("contract_", "work_1")) is None


async def test_work_that_is_cancelled_in_the_middle_of_the_award_leaves_no_contract() -> None:
    async with engine() as e:
        e.market.publish(status="OPEN")
        e.market.bid()
        # What the engine read was open; what it claims is not any more.
        e.market.works["work_1"]["contract_id"] = "contract_other"
        answer = await e.award()
        assert answer.status_code == 409 and error_code(answer) == "work_not_awardable"
        assert await e.store.get("contracts", derived_id("contract_", "work_1")) is None


async def test_what_cannot_be_awarded_says_why() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.publish("work_2")
        e.market.bid()
        e.market.bid("bid_of_2", "work_2")
        e.market.bid("bid_late", expires_at="2026-11-24T12:00:00Z")
        for work, body, status, message in (
            ("work_1", {"bid_id": "bid_x"}, 400, "invalid bid_id"),
            ("work_1", {"bid_id": "bid_of_2"}, 400, "invalid bid_id"),
            ("work_1", {}, 400, "invalid bid_id"),
            ("work_1", {"bid_id": "bid_late"}, 409, "bid expired"),
            ("work_x", {"bid_id": "bid_1"}, 404, "work not found"),
            ("__x__", {"bid_id": "bid_1"}, 404, "work not found"),
        ):
            answer = await e.client.post(f"/v1/work/{work}/award", json=body)
            assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)
        assert (await e.client.post("/v1/work/work_1/award", content=b"{")).status_code == 400


async def test_auto_award_takes_the_best_of_the_final_ranking_that_is_still_good() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid("bid_dear", price=19)
        e.market.bid("bid_late", price=1, expires_at="2026-11-24T11:00:00Z")
        e.market.bid("bid_cheap", price=2)
        e.market.rank("bid_gone", "bid_late", "bid_dear", "bid_cheap")
        answer = await e.auto_award()
        assert answer.json()["bid_id"] == "bid_dear"
        assert e.market.evaluator.asked("POST", "/evaluate") == 0


@pytest.mark.parametrize("stored", [False, True])
async def test_auto_award_asks_for_a_ranking_when_there_is_none_that_is_final(stored: bool) -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid("bid_dear", price=19)
        e.market.bid("bid_cheap", price=2)
        if stored:
            e.market.rank("bid_dear", final=False)
        assert (await e.auto_award()).json()["bid_id"] == "bid_cheap"


async def test_auto_award_without_a_good_bid() -> None:
    async with engine() as e:
        e.market.publish()
        answer = await e.auto_award()
        assert answer.status_code == 400 and answer.json()["error"]["message"] == "no valid bids to award"


async def test_peers_that_are_away_are_not_the_callers_fault() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        for peer, status in ((e.market.work_publisher, 503), (e.market.bid_gateway, 502), (e.market.evaluator, 503)):
            for change in ({"down": True}, {"says": refused(500, "internal_error")}, {"says": (200, [])}):
                for name, value in change.items():
                    setattr(peer, name, value)
                answer = await (e.auto_award() if peer is e.market.evaluator else e.award())
                assert answer.status_code in {status, 503}, (peer.name, change, answer.text)
                assert "retry-after" in answer.headers
                peer.down, peer.says = False, None
        assert await e.store.get("contracts", derived_id("contract_", "work_1")) is None
        assert (await e.award()).status_code == 200


async def test_a_claim_whose_answer_is_lost_is_finished_by_the_outbox() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        contract_id = derived_id("contract_", "work_1")
        e.market.work_publisher.lost = 1
        assert (await e.award()).status_code == 503
        assert (await e.client.get(f"/v1/contracts/{contract_id}")).status_code == 404, "nobody sees a reservation"
        again = await e.award()
        assert again.status_code == 409 and error_code(again) == "award_in_progress"
        e.clock.advance(5)
        assert (await e.duties())["outbox"] == 1
        assert (await e.client.get(f"/v1/contracts/{contract_id}")).json()["status"] == "AWARDED"
        assert "outbox" not in await e.stored(contract_id)


async def test_an_abandoned_reservation_is_continued_by_who_asks_for_the_same() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        e.market.bid("bid_2")
        e.market.work_publisher.handle = lambda method, path, body: (
            e.market._work(method, path, body) if method == "GET" else refused(503, "x")  # pyright: ignore[reportPrivateUsage]
        )
        assert (await e.award()).status_code == 503
        e.market.work_publisher.handle = e.market._work  # pyright: ignore[reportPrivateUsage]
        e.clock.advance(6)
        assert error_code(await e.award(bid_id="bid_2")) == "award_in_progress"
        assert (await e.award()).status_code == 200


async def test_work_that_asks_for_it_is_awarded_by_itself_once_it_is_evaluated() -> None:
    async with engine() as e:
        for work in ("work_1", "work_2", "work_3", "work_4"):
            e.market.publish(work, status="EVALUATING", auto_award=True)
        e.market.bid("bid_1", "work_1")
        e.market.bid("bid_3", "work_3")
        e.market.rank("bid_1", work_id="work_1")
        e.market.rank(work_id="work_2")
        e.market.works["work_3"]["status"] = "CANCELLED"
        e.market.bid("bid_4", "work_4")
        assert (await e.award("work_4", "bid_4")).status_code == 200
        e.market.to_award = ["work_1", "work_2", "work_3", "work_4", "work_gone"]
        assert (await e.duties())["auto-award"] == 5
        assert e.market.to_award == [], "what cannot be awarded is not asked about for ever"
        assert [e.market.works[f"work_{n}"]["status"] for n in (1, 2, 3)] == ["AWARDED", "EVALUATING", "CANCELLED"]
        async with e.as_tenant("tenant_p") as provider:
            contract = (await provider.get(f"/v1/contracts/{derived_id('contract_', 'work_1')}")).json()
        assert (await e.report(contract, "complete", success=True)).status_code == 200


async def test_works_that_refuse_do_not_hold_up_the_others() -> None:
    async with engine() as e:
        market, answers = e.market, e.market.evaluator.handle

        def paged(method: str, path: str, body: dict[str, JsonValue]) -> tuple[int, object]:
            if not path.endswith("/auto-award"):
                return answers(method, path, body)
            left = [work for work in market.to_award if work > str(body.get("cursor", ""))]
            page = left[: int(str(body["limit"]))]
            more = {"next_cursor": page[-1]} if len(page) < len(left) else {}
            return 200, {"work": [{"work_id": work} for work in page], **more}

        market.evaluator.handle = paged
        market.to_award = [f"work_{n:02}" for n in range(60)]
        for work in market.to_award:
            market.publish(work, status="EVALUATING", auto_award=True)
            market.bid(f"bid_{work}", work)
            market.rank(f"bid_{work}", work_id=work)
        works = market.work_publisher.handle

        def stubborn(method: str, path: str, body: dict[str, JsonValue]) -> tuple[int, object]:
            return refused(503, "busy") if path.split("/")[3] < "work_55" else works(method, path, body)

        market.work_publisher.handle = stubborn
        assert [(await e.duties())["auto-award"] for _ in range(2)] == [0, 5]
        assert [market.works[f"work_{n}"]["status"] for n in range(54, 60)] == ["EVALUATING"] + ["AWARDED"] * 5
        market.work_publisher.handle = works
        assert [(await e.duties())["auto-award"] for _ in range(2)] == [50, 5], "and begins again at the front"


async def test_a_reservation_that_another_has_finished_meanwhile_is_answered_as_it_is() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        works, contract_id = e.market.work_publisher.handle, derived_id("contract_", "work_1")
        store, delete = e.store, e.store.delete

        async def overtaken(collection: str, id: str, *, version: int | None = None) -> bool:
            e.market.work_publisher.handle = works
            e.clock.advance(5)
            assert (await e.duties())["outbox"] == 1
            return await delete(collection, id, version=version)

        e.market.work_publisher.handle = lambda method, path, body: (
            works(method, path, body) if method == "GET" else refused(409, "work_not_awardable")
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "delete", overtaken)
            answer = await e.award()
        assert answer.status_code == 200 and answer.json()["contract_id"] == contract_id
        assert (await e.client.get(f"/v1/contracts/{contract_id}")).json()["status"] == "AWARDED"


async def test_a_refused_reservation_vanishes_although_the_outbox_has_noted_a_try_meanwhile() -> None:
    async with engine() as e:
        e.market.publish()
        e.market.bid()
        works, contract_id = e.market.work_publisher.handle, derived_id("contract_", "work_1")
        store, delete = e.store, e.store.delete

        async def noted(collection: str, id: str, *, version: int | None = None) -> bool:
            patch.setattr(store, "delete", delete)
            found = await store.get(collection, id)
            assert found is not None
            await store.replace(found, {**found.doc, "outbox_tries": 1}, collection=collection)
            return await delete(collection, id, version=version)

        e.market.work_publisher.handle = lambda method, path, body: (
            works(method, path, body) if method == "GET" else refused(409, "work_not_awardable")
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "delete", noted)
            answer = await e.award()
        assert answer.status_code == 409 and error_code(answer) == "work_not_awardable"
        assert await store.get("contracts", contract_id) is None


async def test_work_is_awarded_by_itself_when_the_peers_are_back() -> None:
    async with engine() as e:
        e.market.publish(auto_award=True)
        e.market.bid()
        e.market.rank("bid_1")
        e.market.to_award = ["work_1"]
        e.market.bid_gateway.down = True
        assert (await e.duties())["auto-award"] == 0
        e.market.bid_gateway.down = False
        e.market.evaluator.down = True
        assert str((await e.duties())["auto-award"]).startswith("failed")
        e.market.evaluator.down = False
        assert (await e.duties())["auto-award"] == 1
        assert e.market.works["work_1"]["status"] == "AWARDED"


def test_the_market_keeps_its_own_rules() -> None:
    market = Market()
    market.publish()
    claim = {"contract_id": "contract_1", "provider_id": "prov_p", "bid_id": "bid_1"}
    handle = market.work_publisher.handle
    assert handle("POST", "/internal/work/work_1/award", dict(claim))[0] == 200
    assert handle("POST", "/internal/work/work_1/award", dict(claim))[0] == 200
    assert handle("POST", "/internal/work/work_1/award", {**claim, "contract_id": "contract_2"})[0] == 409
