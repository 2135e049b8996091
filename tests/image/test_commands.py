"""`make docker-build` and `make sbom` on a real engine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.image.docker import AUTHORITIES, BASE, Docker
from tools import sbom
from tools.image import build


@pytest.fixture
def client(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Commands find the engine of the tests, and Debian's client."""
    monkeypatch.setenv("DOCKER_HOST", docker.environment["DOCKER_HOST"])
    monkeypatch.setenv("PATH", f"/usr/bin{os.pathsep}{os.environ['PATH']}")
    return docker


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_an_image_is_built_by_the_command_and_its_bill_names_what_came_from_debian(
    client: Docker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted = [f"--ca={AUTHORITIES}"] if AUTHORITIES.exists() else []
    repository = "commands"
    words = ["aex-telemetry", f"--base={BASE}", "--network=host", f"--repository={repository}", *trusted]
    assert build.main(words) == 0
    image = re.search(rf"{repository}/aex-telemetry:[0-9a-f]{{16}}", capsys.readouterr().out)
    assert image and client.inspect(image[0])
    assert sbom.main(["--folder", str(tmp_path), "--image", image[0]]) == 0
    components = json.loads((tmp_path / "image.cdx.json").read_text())["components"]
    assert {"libc6", "libssl3", "libsqlite3-0"} <= {each["name"] for each in components}


@pytest.mark.processes
def test_a_build_without_its_base_says_what_it_needs(client: Docker, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["aex-telemetry", "--base=127.0.0.1:1/nothing:here", "--network=host"]) == 1
    assert "A build needs a running Docker engine" in capsys.readouterr().err


def test_an_unknown_service_is_refused_before_anything_is_built(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["aex-nobody"]) == 1
    assert "There is no service aex-nobody; the ten are: aex-gateway" in capsys.readouterr().err
