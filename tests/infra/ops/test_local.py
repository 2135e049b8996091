"""`aexctl` on this machine, as far as it needs no running services; with them: tests/engine/test_local_operator.py."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
from pathlib import Path

import psutil
import pytest

from infra.components.catalog import CATALOG
from infra.ops.clouds import local as module
from infra.ops.clouds.local_files import counted, last_end
from infra.ops.screen import ago
from tests.infra.ops.bench import Bench

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def stack(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    bench.config("local", clouds=["local"], local={"directory": str(tmp_path / "data-folder"), "basePort": 41080})
    for part in ("data", "logs", "run", "secrets"):
        (tmp_path / "data-folder" / part).mkdir(parents=True)
    return bench


def test_a_process_that_is_gone_is_stopped_and_its_log_says_why(stack: Bench, tmp_path: Path, capsys: Capture) -> None:
    log = tmp_path / "aex-identity.log"
    lines = [
        {"logger": "pump", "event": "started", "pid": 1},
        {"logger": "aex", "level": "error", "event": "the database is locked"},
        {"logger": "pump", "event": "ended", "status": 3, "timestamp": "2026-11-25T01:00:00Z"},
    ]
    log.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    gone = {"pid": 2**22 + 1, "commandLine": ["x"], "log": str(log), "code": "abc"}
    stack.own("aex:local:Process", "aex-identity", "aex-identity", **gone)
    mine = psutil.Process()
    alive = {"pid": mine.pid, "commandLine": mine.cmdline(), "log": "/none", "code": "def"}
    stack.own("aex:local:Process", "aex-gateway", "aex-gateway", **alive)
    stack.own("aex:local:Process", "aex-telemetry", "aex-telemetry", **{**alive, "commandLine": ["another"]})
    code, answer = stack.json(capsys, "status")
    found = {each["service"]: each for each in answer["clouds"][0]["services"]}
    assert code == 1
    identity = found["aex-identity"]
    assert identity["health"] == "stopped"
    assert identity["reason"] == "ended with exit code 3 at 2026-11-25T01:00:00Z: the database is locked"
    # It runs, but nobody answers at its port.
    assert (found["aex-gateway"]["health"], found["aex-gateway"]["revision"]) == ("unhealthy", f"pid {os.getpid()}")
    # The pid is somebody else's by now.
    assert found["aex-telemetry"]["health"] == "stopped"
    assert found["aex-settlement"]["health"] == "missing"


def test_a_stop_that_was_asked_for_is_no_failure(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    for status in (0, -15):
        log.write_text(json.dumps({"logger": "pump", "event": "ended", "status": status}) + "\n")
        assert last_end(log) == ""
    assert last_end(tmp_path / "none.log") == ""


def test_doctor_names_who_has_a_port(stack: Bench, capsys: Capture) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 41085))
        listener.listen()
        code, answer = stack.json(capsys, "doctor")
        (ports,) = [each for each in answer["clouds"]["local"] if each["check"] == "ports"]
        assert (code, ports["verdict"]) == (1, "failed")
        assert f"process {os.getpid()} listens on 41085" in ports["detail"]
        assert "agent-exchange:local.basePort" in ports["remedy"]
        stack.own("aex:local:Process", "aex-provider-registry", "x", pid=os.getpid())
        _, answer = stack.json(capsys, "doctor")
        (ports,) = [each for each in answer["clouds"]["local"] if each["check"] == "ports"]
        assert ports["verdict"] == "ok"


def test_a_teardown_counts_documents_and_says_that_they_stay(stack: Bench, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "data-folder" / "data" / "aex-identity.sqlite3"
    database = sqlite3.connect(file)
    database.execute("create table tenants (id text)")
    database.executemany("insert into tenants values (?)", [("a",), ("b",)])
    database.commit()
    database.close()
    stack.own("aex:local:Folder", "folder", "x")
    code, answer = stack.json(capsys, "teardown", "--dry-run")
    (loss,) = answer["losses"]["local"]
    assert code == 0
    assert loss["contents"].startswith("2 documents") and "keepData is true" in loss["kept"]
    assert "cannot be counted" in counted(_broken(tmp_path))


def test_a_protected_stack_is_not_torn_down(stack: Bench, tmp_path: Path, capsys: Capture) -> None:
    stack.own("aex:local:Folder", "folder", "x", protect=True)
    code, out, _ = stack.aexctl(capsys, "teardown", "--dry-run")
    assert (code, "Protected: Folder folder" in out) == (1, True)
    code, _, err = stack.aexctl(capsys, "teardown", "--confirm", "local")
    assert (code, "is protected; nothing was deleted" in err, stack.runs) == (2, True, [])


def test_a_destroy_that_stops_midway_is_said(stack: Bench, capsys: Capture) -> None:
    stack.own("aex:local:Folder", "folder", "x")
    stack.exit_code = 255
    code, _, err = stack.aexctl(capsys, "teardown", "--confirm", "local")
    assert (code, "did not come to its end" in err) == (1, True)


def test_restart_ends_the_process_and_lets_the_engine_start_it(stack: Bench, capsys: Capture) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        for name in CATALOG.names:
            command = ["sleep", "60"] if name == "aex-gateway" else ["other"]
            stack.own("aex:local:Process", name, name, pid=sleeper.pid, commandLine=command)
        code, _, err = stack.aexctl(capsys, "restart", "gateway", "identity", "--yes")
        assert (code, stack.runs) == (0, [["pulumi", "up", "--yes"]])
        assert not psutil.pid_exists(sleeper.pid)
        assert err.splitlines() == [f"ended process {sleeper.pid}"]
    finally:
        sleeper.kill()


def test_an_exchange_that_does_not_answer_is_exit_code_3(stack: Bench, capsys: Capture) -> None:
    stack.outputs["local"] = {"gatewayUrl": "http://127.0.0.1:9", "apiKey": "k"}
    code, _, err = stack.aexctl(capsys, "smoke")
    assert (code, "http://127.0.0.1:9 does not answer" in err) == (3, True)
    stack.exists = False
    code, _, err = stack.aexctl(capsys, "smoke")
    assert code == 3


def test_nothing_is_coloured_in_a_pipe_and_json_is_alone(stack: Bench, capsys: Capture) -> None:
    _, out, err = stack.aexctl(capsys, "status")
    assert "\x1b[" not in out + err
    _, out, _ = stack.aexctl(capsys, "status", "--json")
    assert set(json.loads(out)) == {"stack", "clouds"}


def test_times_are_said_as_people_do() -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    said = [ago(now - timedelta(seconds=seconds)) for seconds in (5, 200, 8000, 200_000)]
    assert said == ["5 s ago", "3 min ago", "2 h ago", "2 d ago"]
    assert ago(None) == ""


def _broken(folder: Path) -> Path:
    file = folder / "broken.sqlite3"
    file.write_bytes(b"no database" * 200)
    return file
