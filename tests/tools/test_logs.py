"""`make logs`: what a reader of the services' logs sees."""

import json
from pathlib import Path

import pytest

from tools import logs
from tools.logs import Follower, readable


def entry(event: str = "request", **more: object) -> str:
    return json.dumps({"timestamp": "2026-11-25T00:31:43.554690Z", "event": event, "level": "info", **more})


def test_a_request_is_one_short_line() -> None:
    line = entry(method="POST", path="/v1/work", route="/v1/work", status=201, ms=4.2, caller=None, tenant="tenant_1")
    assert readable("gateway", line) == "00:31:43.554  gateway             201 POST /v1/work  4.2 ms  tenant=tenant_1"


def test_trouble_is_marked_and_told_in_full() -> None:
    shown = readable(
        "settlement", entry("duty failed", level="warning", duty="balances", exception="Traceback\n  Boom")
    )
    assert "WARNING duty failed  duty=balances\n    Traceback\n      Boom" in shown


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x00", "\r", "\x9b31m", "\udcff"])
def test_no_client_draws_on_the_terminal(evil: str) -> None:
    for line in (entry(method="GET", path=f"/{evil}", status=404, ms=1), entry(f"a{evil}", x=evil), f"crash {evil}"):
        assert readable("gateway", line).isprintable()


@pytest.mark.parametrize("line", ["Segmentation fault", "{", "[1]", '"text"', "{}"])
def test_what_is_no_log_line_is_shown_as_it_is(line: str) -> None:
    assert readable("gateway", line).endswith(line)
    assert logs.moment(line) == ""


def test_a_file_is_followed_through_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "aex-gateway.log"
    path.write_text("old\n")
    follower = Follower(path)
    assert (follower.service, follower.lines()) == ("gateway", ["old"])
    with path.open("a") as file:
        file.write("new\nhal")
    assert follower.lines() == ["new"]
    with path.open("a") as file:
        file.write("f\nlast\n")
    path.rename(tmp_path / "aex-gateway.log.1")
    path.write_text("first\n")
    assert follower.lines() == ["half", "last", "first"]
    assert follower.lines() == []


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "aex-gateway.log"
    path.write_text("".join(f"line {number}\n" for number in range(20_000)))
    lines = Follower(path).lines()
    assert lines[-1] == "line 19999" and lines[0].startswith("line ") and len(lines) < 7000


def test_without_logs_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["logs", "--stack", str(tmp_path / "none")])
    assert logs.main() == 1
    assert "make up" in capsys.readouterr().err
