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

pytestmark = [pytest.mark.engine, pytest.mark.processes, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    made = workshop.new(tmp_path_factory.mktemp("operator") / "checkout")
    made.set("local", "serviceAuth", "token")
    made.set("local", "startTimeoutSeconds", 180)
    try:
        made.pulumi("up", "--yes", "--skip-preview", seconds=300)
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
        timeout=400,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def parsed(place: Workshop, *arguments: str, code: int = 0) -> Any:
    return json.loads(aexctl(place, *arguments, "--json", code=code))


def states(place: Workshop, code: int = 0) -> dict[str, Any]:
    (cloud,) = parsed(place, "status", code=code)["clouds"]
    return {each["service"]: each for each in cloud["services"]}


def test_it_looks_and_trades(real: Workshop) -> None:
    report = parsed(real, "doctor")
    assert report["failed"] == 0, report
    found = states(real)
    assert {each["health"] for each in found.values()} == {"healthy"}
    assert {each["revision"] for each in found.values()} == {f"pid {pid}" for pid in real.pids().values()}
    outcome = parsed(real, "smoke")["local"]["outcome"]
    assert (outcome["failure"], outcome["left"]) == ("", [])
    assert [step for step, _ in outcome["steps"]][-1] == "after"
    assert outcome["tidied"][-2:] == ["consumer suspended", "seller suspended"]


def test_it_notices_a_dead_service_and_restarts_one_alone(real: Workshop) -> None:
    before = real.pids()
    psutil.Process(before["aex-trust-broker"]).kill()
    log = real.folder / "logs" / "aex-trust-broker.log"
    workshop.wait_until(lambda: '"event": "ended"' in log.read_text())
    found = states(real, code=1)
    assert {name for name, each in found.items() if each["health"] != "healthy"} == {"aex-trust-broker"}
    assert "ended with signal 9" in found["aex-trust-broker"]["reason"]
    failed = parsed(real, "smoke", code=1)["local"]["outcome"]
    assert "aex-trust-broker" in failed["failure"]
    assert failed["left"] == []
    # The deployment that starts the one starts whatever else does not run.
    aexctl(real, "restart", "settlement", "--yes")
    after = real.pids()
    assert {name for name in after if after[name] != before[name]} == {"aex-settlement", "aex-trust-broker"}


def test_it_moves_the_data(real: Workshop, tmp_path: Path) -> None:
    assert parsed(real, "check")["holds"]
    file = tmp_path / "exchange.jsonl"
    aexctl(real, "export", str(file))
    assert len(file.read_text().splitlines()) > len(CATALOG.names)
    refused = aexctl(real, "import", str(file), code=1)
    assert "is in use by process" in refused  # nothing is put in under a service that runs


def test_the_engine_changes_the_config_as_the_other_tests_pretend(real: Workshop) -> None:
    file = real.root / "Pulumi.local.yaml"
    before = file.read_text()
    file.write_text(f"# a remark\n{before}")
    traffic = "agent-exchange:gcp.traffic.aex-gateway.aex-gateway-00001-abc=90"
    words = [word for edit in (traffic, "agent-exchange:aws.restart.x=20261125T1Z") for word in ("--plaintext", edit)]
    real.pulumi("config", "set-all", "--path", *words)
    real.pulumi("config", "rm-all", "--path", "agent-exchange:aws.restart.x", "agent-exchange:gcp.scaling.none")
    config = yaml.safe_load(file.read_text())["config"]
    assert config["agent-exchange:gcp"]["traffic"] == {"aex-gateway": {"aex-gateway-00001-abc": 90}}
    assert config["agent-exchange:aws"] == {"restart": {}}
    assert "# a remark" in file.read_text()
    file.write_text(before)


def test_it_takes_it_down(real: Workshop) -> None:
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
    aexctl(real, "smoke", code=3)
