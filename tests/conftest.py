"""What all tests share: markers by folder, and the servers."""

from __future__ import annotations

import pytest

from tests import timing
from tests.app.store import table
from tests.app.store.fixtures import firestore_emulator, mongo_server
from tests.image.fixtures import docker

# Folders whose tests are slow by nature, and the marker that says why.
BY_FOLDER = {"engine": "engine", "flow": "processes"}


def pytest_configure(config: pytest.Config) -> None:
    """Let both write their tables at the end."""
    for plugin in (table, timing):
        config.pluginmanager.register(plugin)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by folder."""
    for item in items:
        folder = item.path.relative_to(item.config.rootpath).parts[1]
        if folder in BY_FOLDER:
            item.add_marker(BY_FOLDER[folder])


__all__ = ["docker", "firestore_emulator", "mongo_server", "pytest_collection_modifyitems", "pytest_configure"]
