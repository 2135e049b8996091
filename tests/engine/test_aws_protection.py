"""Production on AWS under the real engine, against moto: there in one go, not to be lost by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import lifecycle
from tests.engine.cloud import CloudStack
from tests.engine.standins.aws import left_behind
from tests.engine.standins.aws.account import Account
from tests.engine.standins.aws.shims import ONE_OFF
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]

CLUSTER = "aws:docdb/cluster:Cluster"
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


def test_one_up_does_what_the_preview_said_by_every_rule_and_a_second_nothing(production: CloudStack) -> None:
    lifecycle.is_made(production)
    lifecycle.at_rest(production)


def test_it_refuses_to_be_destroyed_and_loses_nothing(production: CloudStack, account: Account) -> None:
    before = left_behind(account)
    lifecycle.refuses_destroy(production)
    assert left_behind(account) == before


def test_without_the_confirmation_the_protection_stays(production: CloudStack) -> None:
    production.config["agent-exchange:protect"] = "false"
    refused = production.up(fails=True)
    assert "set agent-exchange:confirmUnprotected to production as well" in refused.words


@pytest.fixture(scope="module")
def snapshot(production: CloudStack, account: Account) -> str:
    """A snapshot of the cluster, made by hand."""
    (cluster,) = production.standins.aws.things(CLUSTER)
    account.client("docdb").create_db_cluster_snapshot(
        DBClusterIdentifier=cluster.id, DBClusterSnapshotIdentifier="before-the-mistake"
    )
    return "before-the-mistake"


def test_a_snapshot_is_not_put_in_the_place_of_protected_data(production: CloudStack, snapshot: str) -> None:
    with production.borrowed():
        production.config.pop("agent-exchange:protect")
        production.set("aws", database={"restoreFrom": snapshot})
        refused = production.preview(fails=True)
        assert "unable to replace resource" in refused.words and "marked for protection" in refused.words


def test_restored_from_a_snapshot_it_is_another_cluster_before_the_old_one_goes(
    production: CloudStack, standins: Standins, account: Account, snapshot: str
) -> None:
    """As docs/recovery.md has it: unprotect by an `up`, restore, and the protection is back."""
    (old,) = standins.aws.things(CLUSTER)
    users = ONE_OFF.started
    production.config["agent-exchange:confirmUnprotected"] = "production"
    production.up()
    for key in ("protect", "confirmUnprotected"):
        production.config.pop(f"agent-exchange:{key}")
    production.set("aws", database={"restoreFrom": snapshot})
    done = production.up()
    (new,) = standins.aws.things(CLUSTER)
    assert new.inputs["snapshotIdentifier"] == snapshot
    assert new.id != old.id and new.outputs["endpoint"] != old.outputs["endpoint"]
    order = [entry.operation for entry in standins.aws.log if entry.token == CLUSTER and entry.operation != "read"]
    assert order[-2:] == ["create", "delete"], "services have an address to go to all the time"
    assert ONE_OFF.started == users + 1, "users and passwords are made anew"
    replaced = {name for op, kind, name in done.changes if op == "replace" and kind == CLUSTER}
    assert replaced == {"cluster"}
    lifecycle.in_step(production)
    lifecycle.at_rest(production)
    lifecycle.refuses_destroy(production, names=["cluster"])
    production.config["agent-exchange:protect"] = "false"
    account.client("docdb").delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot)


def test_unprotected_by_an_up_it_goes_completely(production: CloudStack, account: Account) -> None:
    production.config["agent-exchange:confirmUnprotected"] = "production"
    lowered = production.up()
    assert {op for op, _, _ in lowered.changes} <= {"update", "delete"}, sorted(lowered.changes)
    lifecycle.destroys(production)
    assert left_behind(account) == []
