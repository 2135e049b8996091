"""Whole stacks take seconds to declare and are cached per process: their tests get more time."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/infra/gcp/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(600))
