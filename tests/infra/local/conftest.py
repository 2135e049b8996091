"""Processes for the tests: everything that a test starts is stopped when it ends, whatever the test does."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from infra.local.processes import Spec

SERVICE = Path(__file__).with_name("little_service.py")

MakeSpec = Callable[..., Spec]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A stack's folder. Whatever still runs with it on its command line in the end is killed."""
    yield tmp_path / "stack"
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(tmp_path) in " ".join(process.cmdline()) and process.pid != os.getpid():
                for child in process.children():
                    child.kill()
                process.kill()


@pytest.fixture
def make_spec(folder: Path) -> MakeSpec:
    """Make the spec of a little service; keywords override."""

    def make(mode: str = "plain", **changes: object) -> Spec:
        port = changes.get("port") or free_port()
        values: dict[str, object] = {
            "name": "little",
            "command": (sys.executable, str(SERVICE), str(port), mode),
            "directory": folder.parent,
            "environment": {"COLOUR": "red"},
            "host": "127.0.0.1",
            "port": port,
            "health_path": "/health",
            "folder": folder,
            "code": "1",
            "start_timeout": 20.0,
            "stop_timeout": 5.0,
        }
        return Spec(**{**values, **changes})  # pyright: ignore[reportArgumentType]  (a table of test values)

    return make
