"""The workflows: linted, pinned, with no more rights than they need, and calling scripts that exist."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import workflows
from tools.checkout import Checkout

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FILES = sorted((GITHUB / "workflows").glob("*.yml"))
WRITES = {
    ("comment.yml", "comment"): {"pull-requests"},
    ("drift.yml", "drift"): {"id-token", "issues"},
    ("ephemeral.yml", "ask"): {"actions"},
    ("ephemeral.yml", "run"): {"id-token"},
    ("deploy.yml", "staging"): {"id-token"},
    ("deploy.yml", "production"): {"id-token"},
    ("preview.yml", "real"): {"id-token"},
}
"""Written by hand: which job may write what. `id-token` is the identity in the cloud."""


def _jobs() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for file in FILES:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            yield file.name, name, job


def _steps() -> Iterator[Mapping[str, Any]]:
    for _, _, job in _jobs():
        yield from job["steps"]
    yield from yaml.safe_load((GITHUB / "actions" / "setup" / "action.yml").read_text())["runs"]["steps"]


def _copy(tmp_path: Path) -> Checkout:
    """A checkout with our workflows and its own environment, which the linters look at."""
    shutil.copytree(GITHUB, tmp_path / ".github")
    shutil.copytree(ROOT / "tools" / "actionlint", tmp_path / "tools" / "actionlint")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / ".git").mkdir()
    return Checkout(tmp_path, Checkout.here().cache)


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-2404", "runs-on"),
        ("fromJSON(vars.CLOUDS)", "fromJSON(vars.CLOUDS", "expression"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ('--stack "$STACK"', "--stack ${{ github.head_ref }}", "template-injection"),
    ],
)
def test_a_mistake_in_a_workflow_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    was: str,
    becomes: str,
    says: str,
) -> None:
    checkout = _copy(tmp_path)
    file = tmp_path / ".github" / "workflows" / "drift.yml"
    assert was in file.read_text()
    monkeypatch.setattr(Checkout, "here", lambda: checkout)
    assert workflows.main() == 0
    file.write_text(file.read_text().replace(was, becomes))
    assert workflows.main() == 1
    said = capfd.readouterr()
    assert says in said.out + said.err


def test_every_action_is_pinned_by_its_commit_and_says_its_version() -> None:
    for file in [*FILES, GITHUB / "actions" / "setup" / "action.yml"]:
        for line in file.read_text().splitlines():
            if "uses:" in line and "./.github" not in line:
                assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), f"{file.name}: {line}"


@pytest.mark.parametrize(("file", "name", "job"), [pytest.param(*each, id=f"{each[0]}-{each[1]}") for each in _jobs()])
def test_a_job_has_a_time_limit_and_writes_only_what_it_must(file: str, name: str, job: Mapping[str, Any]) -> None:
    assert job["timeout-minutes"] <= 120
    granted = job["permissions"]
    assert {scope for scope, level in granted.items() if level == "write"} == WRITES.get((file, name), set())
    assert all(level in ("read", "write") for level in granted.values())
    assert yaml.safe_load((GITHUB / "workflows" / file).read_text())["permissions"] == {}


def test_code_of_a_pull_request_gets_no_identity_that_deploys() -> None:
    for file, name, job in _jobs():
        events = yaml.safe_load((GITHUB / "workflows" / file).read_text())[True]
        if "environment" in job and "pull_request" in events:
            assert "github.event_name != 'pull_request'" in job["if"], f"{file}: {name}"
        assert "pull_request_target" not in events


def test_every_script_and_target_that_is_called_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = [step["run"] for step in _steps() if "run" in step]
    modules = {module for script in scripts for module in re.findall(r"-m (infra[\w.]+)", script)}
    assert modules
    assert [module for module in sorted(modules) if find_spec(module) is None] == []
    assert {name for script in scripts for name in re.findall(r"^make ([a-z-]+)", script, re.MULTILINE)} <= targets
