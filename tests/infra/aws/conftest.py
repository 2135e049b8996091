"""Whole stacks take seconds to declare and are cached per process: their tests get more time."""

import datetime

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/infra/aws/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture
def today_plus_three() -> str:
    return (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=3)).isoformat()
