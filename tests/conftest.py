"""What all tests share: those that start processes or the engine run one after the other, on one worker."""

from __future__ import annotations

import pytest

from tests.app.store.fixtures import firestore_emulator, mongo_server
from tests.app.store.table import pytest_terminal_summary
from tests.image.fixtures import docker

# Folders whose tests are slow by nature, and the marker that says why.
BY_FOLDER = {"engine": "engine", "flow": "processes"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by folder, and keep what loads the machine on one of the workers."""
    for item in items:
        folder = item.path.relative_to(item.config.rootpath).parts[1]
        if folder in BY_FOLDER:
            item.add_marker(BY_FOLDER[folder])
        if item.get_closest_marker("engine") or item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.xdist_group("processes"))


__all__ = ["docker", "firestore_emulator", "mongo_server", "pytest_collection_modifyitems", "pytest_terminal_summary"]
