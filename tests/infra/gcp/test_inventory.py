"""The inventories are what the stacks declare, and every type in them has a purpose in the docs."""

import re
from pathlib import Path

import pytest
import yaml

from tests.infra.gcp import inventory

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs" / "gcp.md"


@pytest.mark.parametrize("name", list(inventory.STACKS))
def test_a_stack_is_what_its_inventory_says(name: str) -> None:
    assert inventory.path(name).read_text() == inventory.text(name), "run `make inventory` and read the difference"


def test_every_type_has_a_purpose() -> None:
    documented = set(re.findall(r"^\| `((?:gcp|random|docker):[^`]+)` \| .{10,}", DOCS.read_text(), re.MULTILINE))
    declared: set[str] = set()
    for name in inventory.STACKS:
        declared |= set(yaml.safe_load(inventory.path(name).read_text())["types"])
    images = {"docker:index/image:Image", "docker:index/tag:Tag", "docker:index/registryImage:RegistryImage"}
    only_sometimes = {
        "gcp:vpcaccess/connector:Connector",
        "gcp:compute/router:Router",
        "gcp:compute/routerNat:RouterNat",
        "gcp:compute/address:Address",
        "gcp:organizations/project:Project",
    }
    assert declared - documented == set(), "say in docs/gcp.md what it is for"
    assert documented - declared - images - only_sometimes == set(), "no stack has it: take it out of docs/gcp.md"


def test_files_and_tests_that_the_docs_name_exist() -> None:
    text = DOCS.read_text()
    for name in set(re.findall(r"`((?:\.\./)*[a-z_/]+\.(?:py|toml))`", text)):
        assert (ROOT / "infra" / "gcp" / name).exists(), name
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for name in set(re.findall(r"`(test_\w+)`", text)):
        assert f"def {name}(" in tests, name


def test_every_file_has_its_place_in_the_docs() -> None:
    files = {path.name for path in (ROOT / "infra" / "gcp").glob("*.py")} - {"__init__.py"}
    named = set(re.findall(r"`([a-z_]+\.py)`", DOCS.read_text()))
    assert files - named == set()


@pytest.mark.parametrize(
    "line",
    [
        # Each step of the guide's Google part.
        "gcloud projects create",
        "gcloud services enable",
        "Artifact Registry repository",
        "service accounts",
        "Workload Identity",
        "gcloud firestore databases create",
        "gcloud firestore indexes composite create",
        "gcloud secrets create",
        "gcloud auth configure-docker",
        "docker push",
        "deploy-cloudrun.sh",
        "gcloud run services describe",
        "Cloud Monitoring",
        "gcloud logging read",
        "update-traffic",
        "--concurrency",
        "--min-instances",
        "--cpu-boost",
        "--vpc-connector",
        "--vpc-egress",
        "GCP_WORKLOAD_IDENTITY_PROVIDER",
        "teardown-gcp.sh",
    ],
)
def test_every_step_of_the_guide_has_a_file(line: str) -> None:
    rows = [row for row in DOCS.read_text().splitlines() if row.startswith("|") and line in row]
    assert any(re.search(r"`[a-z_./]+\.py`", row) for row in rows), f"{line} has no row with a file"
