"""The account's part on AWS, with the real engine: made once, at rest, and refusing to be lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import lifecycle
from tests.engine.cloud import GITHUB, CloudStack
from tests.engine.standins.aws import left_behind
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("aws",)) as running:
        yield running


@pytest.fixture(scope="module")
def bootstrap(standins: Standins, tmp_path_factory: pytest.TempPathFactory) -> CloudStack:
    made = CloudStack.new(tmp_path_factory.mktemp("aws") / "project", "bootstrap", standins, clouds=("aws",))
    made.config["agent-exchange:github"] = dict(GITHUB)
    made.up()
    return made


def test_it_is_made_in_one_go_and_at_rest(bootstrap: CloudStack) -> None:
    lifecycle.in_step(bootstrap)
    lifecycle.at_rest(bootstrap)


def test_it_refuses_to_be_destroyed_with_the_states_of_all_stacks(bootstrap: CloudStack, standins: Standins) -> None:
    assert standins.account is not None
    before = left_behind(standins.account)
    lifecycle.refuses_destroy(bootstrap, names=["state", "state-production"])
    assert left_behind(standins.account) == before
