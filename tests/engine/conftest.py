"""What the tests with the real engine share: a place for copies of the project, and the copies themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import workshop
from tests.engine.workshop import Workshop


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
