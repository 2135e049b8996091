"""The inventories are what the stacks declare, and every type in them has a purpose in the docs."""

import re
from pathlib import Path

import pytest
import yaml

from tests.infra.gcp import inventory

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs" / "gcp.md"
TESTS = "".join(
    path.read_text()
    for folder in ("infra/gcp", "infra", "engine")
    for path in sorted((ROOT / "tests" / folder).glob("test_*.py"))
)
TRAPS = (3, 4, 5, 6, 7, 8, 10, 14, 15, 16, 17, 18, 19, 20)
"""Numbers, in the list of what users of comparable systems hit, of those that touch Google Cloud. The others are of
Amazon's services: 1, 2 and 11 to 13 of ECS, Cloud Map, network interfaces and snapshots, 9 of a window in which a
deleted secret's name is taken, which Secret Manager does not have."""


@pytest.mark.parametrize("name", list(inventory.STACKS))
def test_a_stack_is_what_its_inventory_says(name: str) -> None:
    assert inventory.path(name).read_text() == inventory.text(name), "run `make inventory` and read the difference"


def test_every_type_has_a_purpose() -> None:
    documented = set(re.findall(r"^\| `((?:gcp|random|docker):[^`]+)` \| .{10,}", DOCS.read_text(), re.MULTILINE))
    declared: set[str] = set()
    for name in inventory.STACKS:
        declared |= set(yaml.safe_load(inventory.path(name).read_text())["types"])
    images = {"docker:index/image:Image"}
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
        assert any((folder / name).exists() for folder in (ROOT / "infra" / "gcp", ROOT)), name
    for name in set(re.findall(r"`(test_\w+)`", text)):
        assert f"def {name}(" in TESTS, name


def rows(heading: str) -> list[list[str]]:
    """The table below a heading of the docs: its cells, without what is above the line."""
    section = DOCS.read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
    lines = [line.strip("| ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]


def test_every_mistake_of_the_old_scripts_has_a_test_or_is_amazons_alone() -> None:
    found = {int(row[0]): row for row in rows("What the old scripts got wrong")}
    assert set(found) == set(range(1, 12)), "as many as the list has"
    for number, row in found.items():
        assert re.search(r"`test_\w+`", row[2]) or (number == 3 and "Amazon" in row[2]), row


def test_every_trap_that_touches_google_has_a_decision_and_a_test() -> None:
    found = [(number, row) for row in rows("What other people fell into") for number in row[0].split(", ")]
    assert {number for number, _ in found} >= {str(number) for number in TRAPS}
    for _, row in found:
        assert len(row[2]) > 3 and re.search(r"`test_\w+`", row[3]), row


def test_every_file_has_its_place_in_the_docs() -> None:
    files = {path.name for path in (ROOT / "infra" / "gcp").glob("*.py")} - {"__init__.py"}
    named = set(re.findall(r"`([a-z_]+\.py)`", DOCS.read_text()))
    assert files - named == set()


@pytest.mark.parametrize(
    "line",
    [
        # Each step of the guide's Google part, and what its general parts say about Google.
        "Required tools",
        "Required permissions",
        "enable billing",
        "Collections structure",
        "VERSION",
        "Deployment order",
        "CI/CD secrets",
        "Resource allocation",
        "Environment variables",
        "Disable unauthenticated access",
        "API keys against Identity",
        "rate limiting",
        "Secrets: never in code, rotated",
        "Troubleshooting",
        "gcp-teardown",
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
