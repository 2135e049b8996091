"""A fresh identity for each test."""

from collections.abc import AsyncGenerator

import pytest

from tests.app.identity.harness import Identity, identity


@pytest.fixture
async def id_() -> AsyncGenerator[Identity, None]:
    async with identity() as running:
        yield running
