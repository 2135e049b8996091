"""Deployments to Google Cloud that break off: a provider's error at some creation, Ctrl-C while one is under way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import lifecycle
from tests.engine.cloud import CloudStack
from tests.engine.standins.gcp.run import SERVICE
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("gcp",)) as running:
        yield running


@pytest.fixture
def stack(standins: Standins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    """A stack with a network and an image build, not deployed yet."""
    made = CloudStack.new(
        tmp_path_factory.mktemp("gcp") / "project", "pr-2", standins, gcp={"network": {"egress": "direct"}}
    )
    yield made
    lifecycle.destroys(made)


def test_errors_and_an_interruption_leave_what_the_next_up_completes(stack: CloudStack, standins: Standins):
    for nth in (2, 60):
        lifecycle.breaks_off(stack, standins.gcp, nth)
    lifecycle.interrupted(stack, standins.gcp, SERVICE, "aex-settlement")
    stack.up()
    lifecycle.in_step(stack)
    lifecycle.at_rest(stack)


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_after_a_failure_of_every_single_creation_everything_is_there(stack: CloudStack, standins: Standins):
    assert lifecycle.recovers_from_every_failure(stack, standins.gcp) > 150
