"""`LOG_LEVEL` decides which lines are written, ours and the libraries'."""

import json
import os
import subprocess
import sys

import pytest

# In a process of its own: a logger keeps the level of its first line for as long as its process lives.
LINES = """
import logging
from aex.core.logging import configure, get_logger
from aex.core.settings import Settings
configure(Settings(), "aex-test")
for level in ("debug", "info", "warning", "error"):
    getattr(get_logger("ours"), level)(level)
for level in ("info", "warning", "error"):
    getattr(logging.getLogger("theirs"), level)("library " + level)
"""


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("error", ["error", "library error"]),
        ("INFO", ["info", "warning", "error", "library warning", "library error"]),
    ],
)
def test_lines_below_the_level_are_not_written(level: str, written: list[str]) -> None:
    environment = {**os.environ, "LOG_LEVEL": level, "ENVIRONMENT": "test", "AEX_SERVICE_AUTH": "off"}
    run = subprocess.run(
        [sys.executable, "-c", LINES], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert [json.loads(line)["event"] for line in run.stdout.splitlines()] == written
