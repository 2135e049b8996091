"""The Docker engine as a fixture, one a test process, for every test that wants one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.docker import Docker, Missing, running


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """A running engine with a registry, or a loud skip that says what is missing."""
    # A short path: that of a socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="aex-docker-", ignore_cleanup_errors=True) as folder:
        try:
            context = running(Path(folder))
            engine = context.__enter__()
        except Missing as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI must not skip: {missing}")
            pytest.skip(str(missing))
        try:
            yield engine
        finally:
            context.__exit__(None, None, None)


__all__ = ["docker"]
