"""The stand-ins as a command: what it runs is attached to them, and its exit code is kept."""

from __future__ import annotations

import subprocess
import sys

from tests.engine.runner import CHECKOUT

SHOW = "import os, sys; print(os.environ['PULUMI_DEBUG_PROVIDERS']); sys.exit(3)"


def test_a_command_runs_beside_them():
    command = [sys.executable, "-m", "tests.engine.standins.launch", "--", sys.executable, "-c", SHOW]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    providers = dict(pair.split(":") for pair in done.stdout.strip().split(","))
    assert set(providers) == {"aws", "docker", "gcp", "random"}
    assert len(set(providers.values())) == 4
