"""A fresh world around the gateway for each test."""

from collections.abc import AsyncGenerator

import pytest

from tests.app.gateway.harness import World, world


@pytest.fixture
async def w() -> AsyncGenerator[World, None]:
    async with world() as made:
        yield made
