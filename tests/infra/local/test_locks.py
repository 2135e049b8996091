"""Which locks of a state folder may be removed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.locks import remove_stale

NOW = datetime.now(UTC).isoformat().replace("+00:00", "")


def a_lock(state: Path, **changes: object) -> Path:
    path = state / ".pulumi" / "locks" / "organization" / "agent-exchange" / "local" / "1.json"
    path.parent.mkdir(parents=True)
    content = {"pid": 1, "username": "me", "hostname": socket.gethostname(), "timestamp": f"{NOW}123Z"}
    path.write_text(json.dumps({**content, **changes}))
    return path


@pytest.fixture
def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "stamp",
    [f"{NOW}123Z", "2026-11-24T22:55:49Z", "2026-11-24T22:55:49.5+01:00"],
    ids=["nanoseconds", "seconds", "offset"],  # the first differs from worker to worker, its name must not
)
def test_a_lock_whose_holder_has_died_is_removed(tmp_path: Path, dead: int, stamp: str):
    lock = a_lock(tmp_path, pid=dead, timestamp=stamp)
    assert remove_stale(tmp_path) == [lock]
    assert not lock.exists()


def test_so_is_one_whose_number_means_another_process_now(tmp_path: Path):
    a_lock(tmp_path, pid=os.getpid())
    assert remove_stale(tmp_path), "this process is no pulumi"


def test_a_living_pulumi_keeps_its_lock_unless_it_is_younger(tmp_path: Path):
    program = tmp_path / "pulumi"
    program.symlink_to("/bin/sleep")
    holder = subprocess.Popen([program, "600"])
    try:
        later = datetime.now(UTC).replace(year=2037).isoformat()
        lock = a_lock(tmp_path, pid=holder.pid, timestamp=later)
        assert remove_stale(tmp_path) == []
        lock.write_text(json.dumps({**json.loads(lock.read_text()), "timestamp": "2020-01-01T00:00:00Z"}))
        assert remove_stale(tmp_path) == [lock]
    finally:
        holder.kill()
        holder.wait()


def test_other_machines_and_unreadable_locks_are_left_alone(tmp_path: Path, dead: int):
    lock = a_lock(tmp_path, pid=dead, hostname="elsewhere")
    lock.with_name("2.json").write_text("{")
    assert remove_stale(tmp_path) == []
    assert remove_stale(tmp_path / "nothing") == []
