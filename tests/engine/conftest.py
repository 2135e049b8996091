"""What the tests with the real engine share: a place for copies of the project, and the copies themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.engine import workshop
from tests.engine.standins.launch import Standins
from tests.engine.workshop import Workshop

if TYPE_CHECKING:
    from tests.engine.standins.aws.account import Account


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Ten little services, deployed; a test that changes something puts it back."""
    made = workshop.little_exchange(tmp_path_factory.mktemp("exchange") / "checkout")
    try:
        made.up()
        yield made
    finally:
        made.close()


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Ten little services that are not deployed yet."""
    made = workshop.little_exchange(tmp_path_factory.mktemp("bare") / "checkout")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def account(standins: Standins) -> Account:
    """The account of the module's stand-ins, as stack bootstrap and the owner of example.org leave it."""
    from tests.engine.standins.aws.preparations import bootstrapped, zone  # with all of moto, for those who need it

    assert standins.account is not None
    # Two thirds of an engine's time with so many resources would go into saving the state after each of them.
    standins.more["PULUMI_SKIP_CHECKPOINTS"] = "true"
    bootstrapped(standins.account)
    zone(standins.account, "example.org")
    return standins.account
