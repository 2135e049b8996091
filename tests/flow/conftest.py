"""Fixtures of the flow tests: running exchanges, and the check that the ledger balances after each of them."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from infra.components.environment import ServiceAuth
from tests.flow.exchange import Exchange, exchange
from tests.flow.steps import Direct


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Exchange, None, None]:
    """Ten processes that answer direct calls, as on a laptop; one exchange for the tests of a file.

    Starting ten interpreters costs more than most tests. A test uses names of its own, and starts again what it kills.
    """
    settings = {"DUTY_INTERVAL_SECONDS": "0.2", "RATE_LIMIT_PER_MINUTE": "1000000"}
    one = Exchange(tmp_path_factory.mktemp("exchange"), auth=ServiceAuth.OFF, overrides=settings)
    try:
        asyncio.run(one.start())
        yield one
    finally:
        one.stop()


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncGenerator[Exchange, None]:
    """Ten processes that answer only to declared services, as in the clouds."""
    async with exchange(tmp_path, auth=ServiceAuth.TOKEN, DUTY_INTERVAL_SECONDS="0.2") as one:
        yield one


@pytest.fixture
async def direct(running: Exchange) -> AsyncGenerator[Direct, None]:
    """Calls to the services' own ports."""
    calls = Direct(running)
    yield calls
    await calls.close()
