"""Every command in docs/operations.md is one: options and services exist, keys are accepted, targets match."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from infra.config import load
from infra.ops import config_file
from infra.ops.clouds.cloud import service_named
from infra.ops.config_file import Edit
from infra.ops.faults import Exit
from infra.ops.main import app
from tests.infra.aws import stacks as aws
from tests.infra.gcp import stacks as gcp
from tests.infra.mocks import Run
from tests.targets import PAGE, pattern, targets_in

ROOT = Path(__file__).parents[3]
OTHERS = [page for page in sorted((ROOT / "docs").glob("*.md")) if page != PAGE]
SETTINGS = {"clouds": ["aws", "gcp"], "image": aws.IMAGES}


def commands(page: Path) -> list[str]:
    """Lines that are typed at a prompt, without their remarks."""
    blocks = re.findall(r"^```(?:console|bash|sh)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+#.*$", "", line[2:]).strip() for line in lines]


def starting(program: str, page: Path = PAGE) -> Iterator[list[str]]:
    for line in commands(page):
        if line.startswith(f"{program} "):
            yield shlex.split(line)[1:]


def parsed(arguments: list[str]) -> None:
    """Fails for a command, an option or an argument that does not exist."""
    group = typer.main.get_command(app)
    name, *rest = arguments
    group.commands[name].make_context(name, list(rest))  # pyright: ignore[reportAttributeAccessIssue]


def test_the_page_has_them_all() -> None:
    group = typer.main.get_command(app)
    named = {arguments[0] for arguments in starting("aexctl")}
    assert named == set(group.commands) - {"summary"}  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("page", [PAGE, *OTHERS], ids=lambda page: page.stem)
def test_every_aexctl_line_can_be_typed(page: Path) -> None:
    for arguments in starting("aexctl", page):
        parsed(arguments)
        if arguments[0] in {"logs", "exec", "scale", "restart", "rollback", "rollout"}:
            words = [word for word in arguments[1:2] if not word.startswith("-")]
            assert all(service_named(word) for word in words), arguments


def test_a_line_that_cannot_be_typed_would_be_seen() -> None:
    with pytest.raises(typer.TyperException):
        parsed(["scale", "gateway", "--most", "5"])
    with pytest.raises(KeyError):
        parsed(["sclae", "gateway"])


def test_every_key_is_one_that_a_stack_accepts() -> None:
    before: config_file.Tree = {
        **{f"agent-exchange:{key}": value for key, value in SETTINGS.items()},
        "aws:region": "us-east-1",
        **gcp.PLACES,
    }
    seen = 0
    for arguments in starting("pulumi"):
        words = [word for word in arguments if word.startswith("agent-exchange:")]
        if arguments[:2] == ["config", "set"]:
            key, value = words[0].removeprefix("agent-exchange:"), arguments[arguments.index(words[0]) + 1]
            edits = [Edit(key, int(value) if value.isdigit() else value)]
        elif arguments[:2] == ["config", "rm-all"]:
            edits = [Edit(word.removeprefix("agent-exchange:"), None) for word in words]
        else:
            assert arguments[0] in {"up", "cancel"}, arguments
            continue
        load(config_file.edited(before, edits), "staging")
        assert config_file.effective(before, edits) == edits
        seen += 1
    assert seen >= 2


def test_every_make_line_is_a_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {arguments[0] for arguments in starting("make")} | set(re.findall(r"`make ([a-z-]+)", PAGE.read_text()))
    assert {"up", "refresh", "smoke", "aws-teardown", "gcp-teardown"} <= named <= set(targets)


@pytest.mark.parametrize("target", ["doctor", "status", "smoke", "aws-teardown", "gcp-teardown"])
def test_make_targets_are_aexctl(target: str) -> None:
    done = subprocess.run(["make", "-n", target, "STACK=staging"], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if "aexctl" in line]
    words = shlex.split(line)
    parsed(words[1:])
    assert words[-2:] == ["--stack", "staging"]


# Both clouds' SDKs are loaded here, and both stacks declared.
@pytest.mark.timeout(600)
def test_every_target_matches_resources_of_its_cloud() -> None:
    urns = {"AWS": _urns(aws.stack("staging")), "Google": _urns(gcp.stack("staging"))}
    rows = re.findall(r"^\|[^|]+\| (AWS|Google) \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 10
    for cloud, cell in rows:
        for target in targets_in(cell):
            assert any(pattern(target).fullmatch(urn) for urn in urns[cloud]), target


def test_one_service_is_its_own_and_not_another() -> None:
    (cell,) = re.findall(r"^\| `deploy-ecs.sh[^|]+\| AWS \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    targets = [pattern(target) for target in targets_in(cell)]
    found = [urn for urn in _urns(aws.stack("staging")) if any(target.fullmatch(urn) for target in targets)]
    assert any("ecs/service:Service::aex-gateway" in urn for urn in found)
    assert any("ecs/taskDefinition:TaskDefinition::aex-gateway" in urn for urn in found)
    assert not any("identity" in urn for urn in found)


def test_the_exit_codes_are_those_of_the_code() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d) \|", PAGE.read_text(), re.MULTILINE)}
    assert documented == {code.value for code in Exit}


def _urns(run: Run) -> list[str]:
    """URNs as the engine forms them, with the types of all parents; the mocks' have the nearest one."""
    by_urn = {resource.urn: resource for resource in run.resources}

    def chain(urn: str) -> str:
        resource = by_urn.get(urn)
        if resource is None:
            return ""
        above = chain(resource.parent)
        return f"{above}${resource.type}" if above else resource.type

    return [f"urn:pulumi:staging::agent-exchange::{chain(each.urn)}::{each.name}" for each in run.resources]
