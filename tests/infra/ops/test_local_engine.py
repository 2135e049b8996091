"""`aexctl` on the real exchange on this machine, under the real engine, from the first look to the teardown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from infra.components.catalog import CATALOG
from tests.engine import workshop
from tests.engine.workshop import CHECKOUT, Workshop

pytestmark = [pytest.mark.engine, pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    made = workshop.new(tmp_path_factory.mktemp("operator") / "checkout")
    made.set("local", "serviceAuth", "token")
    try:
        made.up()
        yield made
    finally:
        made.close()


def aexctl(place: Workshop, *arguments: str, code: int = 0, typed: str = "") -> str:
    """Run the command in the copy, as a person does; its standard output."""
    done = subprocess.run(
        [str(CHECKOUT / ".venv" / "bin" / "aexctl"), *arguments],
        cwd=place.root,
        env=place.variables(),
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def parsed(place: Workshop, *arguments: str, code: int = 0) -> Any:
    return json.loads(aexctl(place, *arguments, "--json", code=code))


def states(place: Workshop, code: int = 0) -> dict[str, Any]:
    (cloud,) = parsed(place, "status", code=code)["clouds"]
    return {each["service"]: each for each in cloud["services"]}


def test_an_operators_day(real: Workshop, tmp_path: Path) -> None:
    _looks(real)
    _trades(real)
    _notices_a_dead_service(real)
    _restarts_one_alone(real)
    _moves_the_data(real, tmp_path)
    _changes_the_config_as_the_tests_pretend(real)
    _takes_it_down(real)


def _looks(real: Workshop) -> None:
    report = parsed(real, "doctor")
    assert report["failed"] == 0, report
    assert {each["health"] for each in states(real).values()} == {"healthy"}
    assert {each["revision"] for each in states(real).values()} == {f"pid {pid}" for pid in real.pids().values()}


def _trades(real: Workshop) -> None:
    said = aexctl(real, "smoke")
    assert "✓ completed" in said and "passed in" in said
    assert "consumer suspended, seller suspended" in " ".join(said.split())
    # Nobody of the trade is left in the market.
    outcome = parsed(real, "smoke")["local"]["outcome"]
    assert outcome["left"] == []
    assert [step for step, _ in outcome["steps"]][-1] == "after"


def _notices_a_dead_service(real: Workshop) -> None:
    psutil.Process(real.pids()["aex-trust-broker"]).kill()
    workshop.wait_until(lambda: len(real.listening()) == 9)
    found = states(real, code=1)
    assert {name for name, each in found.items() if each["health"] != "healthy"} == {"aex-trust-broker"}
    workshop.wait_until(lambda: "signal 9" in states(real, code=1)["aex-trust-broker"]["reason"])
    failed = parsed(real, "smoke", code=1)["local"]["outcome"]
    assert "aex-trust-broker" in failed["failure"]
    assert failed["left"] == []
    real.up()


def _restarts_one_alone(real: Workshop) -> None:
    before = real.pids()
    aexctl(real, "restart", "settlement", "--yes")
    after = real.pids()
    assert {name for name in after if after[name] != before[name]} == {"aex-settlement"}
    assert {each["health"] for each in states(real).values()} == {"healthy"}


def _moves_the_data(real: Workshop, folder: Path) -> None:
    assert parsed(real, "check")["holds"]
    file = folder / "exchange.jsonl"
    aexctl(real, "export", str(file))
    assert len(file.read_text().splitlines()) > len(CATALOG.names)
    refused = aexctl(real, "import", str(file), code=1)
    assert "resume" in refused  # its own data is in the way, and the tool says what one can do
    assert aexctl(real, "logs", "gateway", "--print").split()[:2] == ["tail", "-n"]


def _changes_the_config_as_the_tests_pretend(real: Workshop) -> None:
    """`pulumi config` does to the file what tests/infra/ops/bench.py says that it does."""
    file = real.root / "Pulumi.local.yaml"
    before = file.read_text()
    edits = [
        "agent-exchange:gcp.traffic.aex-gateway.aex-gateway-00001-abc=90",
        "agent-exchange:aws.restart.x=20261125T1Z",
    ]
    words = [word for edit in edits for word in ("--plaintext", edit)]
    real.pulumi("config", "set-all", "--path", *words)
    real.pulumi("config", "rm-all", "--path", "agent-exchange:aws.restart.x", "agent-exchange:gcp.scaling.none")
    config = yaml.safe_load(file.read_text())["config"]
    assert config["agent-exchange:gcp"]["traffic"] == {"aex-gateway": {"aex-gateway-00001-abc": 90}}
    assert config["agent-exchange:aws"] == {"restart": {}}
    assert "# a remark" in file.read_text()
    file.write_text(before)


def _takes_it_down(real: Workshop) -> None:
    plan = parsed(real, "teardown", "--dry-run")
    assert plan["resources"]["aex:local:Process"] == 10
    documents = {each["name"]: each["contents"] for each in plan["losses"]["local"]}
    assert not documents["aex-settlement.sqlite3"].startswith("0 documents")
    aexctl(real, "teardown", typed="something else\n", code=2)
    assert len(real.listening()) == 10
    said = aexctl(real, "teardown", typed="local\n")
    assert "nothing of local is left that should not be" in said
    assert real.listening() == [] and real.processes() == []
    assert (real.folder / "data" / "aex-settlement.sqlite3").exists()
    assert "Nothing to delete" in aexctl(real, "teardown", "--confirm", "local")
    aexctl(real, "smoke", code=3)
