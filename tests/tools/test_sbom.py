"""The bill of materials says what the locks install, the same each time, and nothing of the development tools."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tools import sbom

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[dict[str, str]]]]:
    folder = tmp_path_factory.mktemp("sbom")
    assert sbom.main(["--folder", str(folder)]) == 0
    return {name: json.loads((folder / f"{name}.cdx.json").read_text()) for name in ("platform", "image")}


def names(bill: dict[str, list[dict[str, str]]]) -> set[str]:
    return {component["name"] for component in bill["components"]}


def test_the_image_has_the_locked_packages_the_base_and_the_authorities(
    bills: dict[str, dict[str, list[dict[str, str]]]],
) -> None:
    locked = {each["name"] for each in tomllib.loads((ROOT / "app" / "uv.lock").read_text())["package"]}
    found = names(bills["image"])
    assert found - {"python", "aws-database-ca.pem"} <= locked
    assert {"fastapi", "pymongo", "google-cloud-firestore", "cryptography", "python", "aws-database-ca.pem"} <= found
    base = next(each for each in bills["image"]["components"] if each["name"] == "python")
    digest = re.search(r"@sha256:([0-9a-f]{64})", (ROOT / "app" / "Dockerfile").read_text())
    assert digest and digest[1] in base["purl"]


def test_the_platform_has_its_packages_without_the_tools_of_development(
    bills: dict[str, dict[str, list[dict[str, str]]]],
) -> None:
    found = names(bills["platform"])
    assert {"pulumi", "pulumi-aws", "pulumi-gcp", "pulumi-docker", "boto3"} <= found
    assert found.isdisjoint({"pytest", "moto", "ruff", "secantusdb"})


def test_every_package_has_a_url_and_hashes(bills: dict[str, dict[str, list[dict[str, str]]]]) -> None:
    for bill in bills.values():
        packages = [each for each in bill["components"] if each["type"] == "library"]
        assert packages
        assert all(each["purl"].startswith("pkg:pypi/") and "SHA-256" in json.dumps(each) for each in packages)


def test_the_same_locks_give_the_same_bill(bills: dict[str, dict[str, list[dict[str, str]]]], tmp_path: Path) -> None:
    assert sbom.main(["--folder", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "image.cdx.json").read_text()) == bills["image"]


def test_packages_of_debian_are_read_from_its_own_list() -> None:
    status = "Package: libc6\nStatus: x\nArchitecture: amd64\nVersion: 2.36-9+deb12u14\n\nPackage: broken\n\n"
    assert [each["purl"] for each in sbom.debian(status)] == ["pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64"]


def test_a_base_image_without_a_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE=python:3.13\nFROM ${BASE}\n")
    with pytest.raises(sbom.SetupError, match="names no base image by digest"):
        sbom.image_bill({"components": [], "metadata": {"component": {}}}, tmp_path)
