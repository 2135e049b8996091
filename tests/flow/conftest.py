"""Fixtures of the flow tests: running exchanges, and the check of all their invariants once each of them has ended."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from infra.components.environment import ServiceAuth
from tests.flow.exchange import Exchange, exchange
from tests.flow.steps import Direct


def assert_every_invariant_holds(folder: Path) -> None:
    """Runs the project's own check on the data that an exchange has left.

    After it has stopped: nothing under way can then excuse a difference, and the files are what a shutdown leaves.
    """
    command = [sys.executable, "-m", "aex", "check", "--data", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"the exchange left differences:\n{done.stdout}{done.stderr}"


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
    assert_every_invariant_holds(one.folder)


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncGenerator[Exchange, None]:
    """Ten processes that answer only to declared services, as in the clouds."""
    async with exchange(tmp_path, auth=ServiceAuth.TOKEN, DUTY_INTERVAL_SECONDS="0.2") as one:
        yield one
    await asyncio.to_thread(assert_every_invariant_holds, tmp_path)


@pytest.fixture
async def direct(running: Exchange) -> AsyncGenerator[Direct, None]:
    """Calls to the services' own ports."""
    calls = Direct(running)
    yield calls
    await calls.close()
