"""Production on AWS under the real engine, against moto: there in one go, not to be lost by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import lifecycle
from tests.engine.cloud import CloudStack
from tests.engine.standins.aws import left_behind
from tests.engine.standins.aws.account import Account
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]

PRODUCTION = {
    "domain": "aex.example.org",
    "alarms": {"emails": ["oncall@example.org"]},
    "budget": {"monthlyUsd": 1500, "emails": ["finance@example.org"]},
}


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("aws",)) as running:
        yield running


@pytest.fixture(scope="module")
def production(standins: Standins, account: Account, tmp_path_factory: pytest.TempPathFactory) -> CloudStack:
    return CloudStack.new(
        tmp_path_factory.mktemp("aws") / "project", "production", standins, clouds=("aws",), aws=PRODUCTION
    )


def test_one_up_does_what_the_preview_has_said_and_a_second_nothing(production: CloudStack) -> None:
    said = production.preview().changes
    assert {op for op, _, _ in said} == {"create"}
    assert production.up().changes == said
    lifecycle.in_step(production)
    lifecycle.at_rest(production)


def test_it_refuses_to_be_destroyed_and_loses_nothing(production: CloudStack, account: Account) -> None:
    before = left_behind(account)
    lifecycle.refuses_destroy(production)
    assert left_behind(account) == before


def test_without_the_confirmation_the_protection_stays(production: CloudStack) -> None:
    production.config["agent-exchange:protect"] = "false"
    refused = production.up(fails=True)
    assert "set agent-exchange:confirmUnprotected to production as well" in refused.words


def test_unprotected_by_an_up_it_goes_completely(production: CloudStack, account: Account) -> None:
    production.config["agent-exchange:confirmUnprotected"] = "production"
    lowered = production.up()
    assert {op for op, _, _ in lowered.changes} <= {"update", "delete"}, sorted(lowered.changes)
    lifecycle.destroys(production)
    assert left_behind(account) == []
