"""Fixtures of the flow tests: running exchanges, and the check that the ledger balances after each of them."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from infra.components.environment import ServiceAuth
from tests.flow.exchange import Exchange, exchange
from tests.flow.steps import Direct


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Exchange, None]:
    """Ten processes that answer direct calls, as on a laptop."""
    async with exchange(tmp_path, DUTY_INTERVAL_SECONDS="0.2", RATE_LIMIT_PER_MINUTE="1000000") as one:
        yield one


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
