"""Tests that declare whole stacks get more time."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/infra/policy/test_stacks.py" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(600))
