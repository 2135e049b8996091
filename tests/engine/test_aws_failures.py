"""Deployments to AWS that break off: an error at some creation, an unhealthy service, Ctrl-C while one is made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import lifecycle
from tests.engine.aws_changes import SERVICE
from tests.engine.cloud import CloudStack
from tests.engine.standins.aws import left_behind
from tests.engine.standins.aws.account import Account
from tests.engine.standins.aws.preparations import bootstrapped
from tests.engine.standins.aws.rows.containers import unhealthy
from tests.engine.standins.aws.shims import ONE_OFF
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("aws",)) as running:
        # The engine saves its state once in the end, also when it is interrupted, and not after each resource.
        running.more["PULUMI_SKIP_CHECKPOINTS"] = "true"
        yield running


@pytest.fixture
def account(standins: Standins) -> Account:
    assert standins.account is not None
    if not standins.account.client("iam").list_policies(Scope="Local")["Policies"]:
        bootstrapped(standins.account)
    return standins.account


@pytest.fixture
def stack(standins: Standins, account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    """A stack with a network and a cluster of its own, not deployed yet."""
    made = CloudStack.new(
        tmp_path_factory.mktemp("aws") / "project",
        "dev-1",
        standins,
        clouds=("aws",),
        aws={"database": {"kind": "documentdb"}},
    )
    yield made
    unhealthy.clear()
    ONE_OFF.exit_code = 0
    lifecycle.destroys(made)
    assert left_behind(account) == []


@pytest.mark.timeout(1800)
def test_whatever_breaks_off_the_next_up_completes(stack: CloudStack, standins: Standins) -> None:
    for nth in (2, 150):
        lifecycle.breaks_off(stack, standins.aws, nth)
    ONE_OFF.exit_code = 1
    failed = stack.up(fails=True)
    assert "aex-operations-dev-1" in failed.words
    assert "correct what is wrong, and run `pulumi up` again" in failed.words
    lifecycle.in_step(stack)
    ONE_OFF.exit_code = 0
    lifecycle.interrupted(stack, standins.aws, SERVICE, "aex-settlement")
    stack.up()
    lifecycle.in_step(stack)
    lifecycle.at_rest(stack)


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_after_a_failure_of_every_single_creation_everything_is_there(stack: CloudStack, standins: Standins) -> None:
    assert lifecycle.recovers_from_every_failure(stack, standins.aws) > 300
