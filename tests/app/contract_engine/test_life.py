"""Reports, ends, expiry and visibility of contracts over HTTP (contract 7.2, 7.3), and the defects of 7.6."""

import asyncio
from typing import Any, cast

import pytest

from aex.contract_engine.rules import KEPT_UPDATES
from tests.app.contract_engine.engines import Engine, engine
from tests.app.contract_engine.peers import refused
from tests.app.support import error_code


async def test_progress_starts_the_contract_and_is_kept() -> None:
    async with engine() as e:
        contract = await e.awarded()
        answer = await e.report(contract, "progress", status="in_progress", percent=50, message="half")
        assert answer.json() == {"acknowledged": True, "contract_id": contract["contract_id"]}
        e.clock.advance(1)
        await e.report(contract, "progress", status="in_progress")
        seen = await e.read(contract)
        assert seen["status"] == "EXECUTING" and seen["started_at"] == "2026-11-24T12:00:00Z"
        assert seen["execution_updates"] == [
            {"status": "in_progress", "percent": 50, "message": "half", "timestamp": "2026-11-24T12:00:00Z"},
            {"status": "in_progress", "timestamp": "2026-11-24T12:00:01Z"},
        ]
        assert e.market.works["work_1"]["status"] == "EXECUTING"
        assert e.market.work_publisher.asked("POST", "/outcome") == 1


@pytest.mark.parametrize("started", [False, True])
async def test_defect_7_6_completion_settles_and_reports(started: bool) -> None:
    async with engine() as e:
        contract = await e.awarded()
        if started:
            await e.report(contract, "progress", status="in_progress")
        e.clock.advance(30)
        answer = await e.report(
            contract, "complete", success=True, result_summary="done", metrics={"n": [1, [2]]}, result_location="s3://x"
        )
        assert answer.json() == {
            "contract_id": contract["contract_id"],
            "status": "COMPLETED",
            "completed_at": "2026-11-24T12:00:30Z",
            "settlement_initiated": True,
        }
        assert e.market.settled == {
            contract["contract_id"]: [
                {
                    "contract_id": contract["contract_id"],
                    "work_id": "work_1",
                    "agent_id": "prov_p",
                    "consumer_id": "tenant_c",
                    "provider_id": "prov_p",
                    "provider_tenant_id": "tenant_p",
                    "domain": "translation",
                    "started_at": "2026-11-24T12:00:00.000000Z",
                    "completed_at": "2026-11-24T12:00:30.000000Z",
                    "success": True,
                    "agreed_price": "10",
                }
            ]
        }
        outcome = e.market.outcomes[contract["contract_id"]]
        assert outcome["outcome"] == "SUCCESS" and outcome["provider_id"] == "prov_p" and outcome["agreed_price"] == 10
        assert e.market.works["work_1"]["status"] == "COMPLETED"
        assert "outbox" not in await e.stored(contract["contract_id"])
        seen = await e.read(contract)
        assert seen["outcome"] == {
            "success": True,
            "result_summary": "done",
            "metrics": {"n": [1, [2]]},
            "result_location": "s3://x",
            "reported_at": "2026-11-24T12:00:30Z",
        }


async def test_a_completion_without_success_is_not_billed_and_counts_against_the_provider() -> None:
    async with engine() as e:
        contract = await e.awarded()
        assert (await e.report(contract, "complete", success=False)).json()["status"] == "COMPLETED"
        assert e.market.settled[contract["contract_id"]][0]["success"] is False
        assert e.market.outcomes[contract["contract_id"]]["outcome"] == "FAILURE_PROVIDER"
        assert e.market.works["work_1"]["status"] == "FAILED"


@pytest.mark.parametrize("party", ["execution_token", "consumer_token"])
async def test_defect_7_6_failing_is_never_billed_and_blames_who_proved_itself(party: str) -> None:
    async with engine() as e:
        contract = await e.awarded()
        other = {"execution_token": "consumer", "consumer_token": "provider"}[party]
        answer = await e.report(
            contract, "fail", token=contract[party], reason="no_gpu", message="all busy", reported_by=other
        )
        assert answer.json() == {
            "contract_id": contract["contract_id"],
            "status": "FAILED",
            "failure_reason": "no_gpu",
            "failed_at": "2026-11-24T12:00:00Z",
        }
        assert e.market.settled[contract["contract_id"]][0]["success"] is False
        blamed = {"execution_token": "PROVIDER", "consumer_token": "CONSUMER"}[party]
        assert e.market.outcomes[contract["contract_id"]]["outcome"] == f"FAILURE_{blamed}"
        assert e.market.works["work_1"]["status"] == "FAILED"
        seen = await e.read(contract)
        assert [seen[key] for key in ("failure_reason", "failure_message", "reported_by")] == [
            "no_gpu",
            "all busy",
            blamed.lower(),
        ]


ENDS: dict[str, dict[str, Any]] = {"complete": {"success": True}, "fail": {"reason": "x"}, "progress": {"status": "x"}}


@pytest.mark.parametrize("end", ["complete", "fail", "expire"])
@pytest.mark.parametrize("then", ["complete", "fail", "progress"])
async def test_defect_7_6_what_has_ended_stays_as_it_is(end: str, then: str) -> None:
    async with engine() as e:
        contract = await e.awarded()
        if end == "expire":
            e.clock.advance(3600)
        else:
            assert (await e.report(contract, end, **ENDS[end])).status_code == 200
        before = await e.read(contract)
        answer = await e.report(contract, then, **ENDS[then])
        assert answer.status_code == 409
        assert error_code(answer) == ("contract_expired" if end == "expire" else "contract_ended")
        assert await e.read(contract) == before
        await e.recover()
        assert all(len(settlements) == 1 for settlements in e.market.settled.values())


async def test_defect_7_6_a_contract_expires_by_the_clock_and_is_then_reported() -> None:
    async with engine() as e:
        contract = await e.awarded()
        await e.report(contract, "progress", status="x")
        e.clock.advance(3599.9)
        assert (await e.read(contract))["status"] == "EXECUTING"
        assert (await e.duties())["expire"] == 0
        e.clock.advance(0.1)
        seen = await e.read(contract)
        assert seen["status"] == "EXPIRED" and seen["expired_at"] == seen["expires_at"] == "2026-11-24T13:00:00Z"
        assert (await e.duties())["expire"] == 1
        assert (await e.duties())["expire"] == 0
        assert e.market.outcomes[contract["contract_id"]]["outcome"] == "EXPIRED"
        assert e.market.works["work_1"]["status"] == "FAILED"
        assert e.market.settled == {}, "nothing is billed"


async def test_more_contracts_than_a_round_takes_expire_in_the_end() -> None:
    async with engine() as e:
        for number in range(105):
            await e.awarded(f"work_{number}")
        e.clock.advance(3600)
        assert [(await e.duties())["expire"] for _ in range(3)] == [100, 5, 0]
        assert len(e.market.outcomes) == 105


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("progress", {"status": "x", "percent": -500}),
        ("progress", {"status": "x", "percent": 101}),
        ("progress", {"status": "x", "percent": 1.5}),
        ("progress", {"status": 5}),
        ("progress", {"status": "x", "message": "x" * 1001}),
        ("complete", {"success": "yes"}),
        ("complete", {"success": True, "metrics": {"x": "y" * 70_000}}),
        ("complete", {"success": True, "result_summary": "x" * 10_001}),
        ("complete", {"success": True, "metrics": []}),
        ("fail", {"reason": 1}),
    ],
)
async def test_defect_7_6_reports_that_make_no_sense_change_nothing(what: str, body: dict[str, Any]) -> None:
    async with engine() as e:
        contract = await e.awarded()
        answer = await e.report(contract, what, **body)
        assert answer.status_code == 400 and error_code(answer) == "bad_request"
        assert (await e.read(contract))["status"] == "AWARDED"


async def test_the_largest_contract_that_reports_can_make_is_still_stored() -> None:
    async with engine() as e:
        contract = await e.awarded()
        for _ in range(KEPT_UPDATES):
            answer = await e.report(contract, "progress", status="\x01" * 64, message="\x01" * 1000, percent=1)
            assert answer.status_code == 200
        answer = await e.report(
            contract,
            "complete",
            success=True,
            result_summary="\x01" * 10_000,
            result_location="\x01" * 2000,
            metrics={"x": "\x01" * 10_000},
        )
        assert answer.status_code == 200, answer.text


async def test_defect_7_6_no_progress_report_of_many_at_once_is_lost_and_the_list_is_bounded() -> None:
    async with engine() as e:
        contract = await e.awarded()
        for round_ in range(3):
            answers = await asyncio.gather(
                *(e.report(contract, "progress", status="s", percent=n, message=f"{round_}.{n}") for n in range(50))
            )
            assert {answer.status_code for answer in answers} == {200}
        seen = await e.read(contract)
        updates = cast(list[dict[str, object]], seen["execution_updates"])
        assert seen["execution_updates_total"] == 150 and len(updates) == KEPT_UPDATES
        assert {str(update["message"]).split(".")[0] for update in updates} == {"1", "2"}
        assert len({update["message"] for update in updates}) == KEPT_UPDATES


async def test_of_many_ends_at_once_one_counts() -> None:
    async with engine() as e:
        contract = await e.awarded()
        calls = [
            e.report(contract, what, **ENDS[what])
            for what in ("complete", "fail", "complete", "progress")
            for _ in range(6)
        ]
        answers = await asyncio.gather(*calls)
        ended = [a for a in answers if a.status_code == 200 and "status" in a.json()]
        assert len(ended) == 1 and {a.status_code for a in answers} <= {200, 409}
        await e.recover()
        await settled_once(e, contract["contract_id"])


async def settled_once(e: Engine, contract_id: str) -> None:
    assert len(e.market.settled[contract_id]) == 1
    assert "outbox" not in await e.stored(contract_id)


@pytest.mark.parametrize("peer", ["settlement", "trust", "work_publisher"])
@pytest.mark.parametrize("trouble", ["down", "lost", "slow", "500", "401", "junk"])
async def test_a_completion_survives_peers_that_are_away_and_is_made_good_exactly_once(peer: str, trouble: str) -> None:
    async with engine() as e:
        contract = await e.awarded()
        away = getattr(e.market, peer)
        match trouble:
            case "down":
                away.down = True
            case "lost":
                away.lost = 1
            case "slow":
                away.slow = 30.0
            case "junk":
                away.says = (502, "<html>")
            case _:
                away.says = refused(int(trouble), "x")
        answer = await asyncio.wait_for(e.report(contract, "complete", success=True), 5)
        assert answer.status_code == 200
        assert "outbox" in await e.stored(contract["contract_id"])
        assert (await e.duties())["outbox"] == 0, "the sweep leaves a fresh one alone"
        away.down, away.slow, away.says = False, 0.0, None
        await e.recover()
        await settled_once(e, contract["contract_id"])
        assert e.market.outcomes[contract["contract_id"]]["outcome"] == "SUCCESS"
        assert e.market.works["work_1"]["status"] == "COMPLETED"


async def test_what_a_peer_refuses_for_good_is_dropped_and_the_money_is_not() -> None:
    async with engine() as e:
        contract = await e.awarded()
        e.market.trust.says = e.market.work_publisher.says = refused(409, "other")
        e.market.settlement.says = refused(409, "something_else")
        await e.report(contract, "complete", success=True)
        await e.recover()
        left = cast(list[dict[str, object]], (await e.stored(contract["contract_id"]))["outbox"])
        assert [effect["kind"] for effect in left] == ["settle"]
        e.market.settlement.says = None
        await e.recover()
        await settled_once(e, contract["contract_id"])
