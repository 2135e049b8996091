"""The make targets and what is behind them."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.ops import engine
from tests.tools.programs import program
from tools import check, setup, stack
from tools.checkout import Checkout
from tools.process import SetupError, run

ROOT = Path(__file__).parents[2]
HERE = Checkout(Path("/clone"), Path("/cache"))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout whose `pulumi` repeats its arguments."""
    found = Checkout(tmp_path, tmp_path / "cache")
    pulumi = program(found.bin, "pulumi")
    pulumi.write_text('#!/bin/sh\necho "$@"\n')
    monkeypatch.setenv("PATH", f"{found.bin}:/usr/bin:/bin")
    return found


def test_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    said = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [name for name in phony if f"make {name} " not in said] == []


def test_setup_needs_nothing_that_it_installs() -> None:
    allowed = sys.stdlib_module_names | {"tools"}
    # Offline previews run in the environment that setup has made, on what the tests have.
    for file in {*(ROOT / "tools").glob("*.py")} - {ROOT / "tools" / "offline.py"}:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, file


def test_the_local_stack_needs_no_account_and_no_passphrase() -> None:
    found = stack.changes(HERE, "local")
    assert found["PULUMI_BACKEND_URL"] == "file:///clone/.aex/state?metadata=skip"
    assert found["PULUMI_CONFIG_PASSPHRASE"] == ""
    assert found["PATH"].startswith("/clone/.aex/bin:")


@pytest.mark.parametrize("name", ["local", "staging"])
def test_the_operators_command_gives_the_engine_the_same_variables(name: str) -> None:
    assert engine.environment(name).items() >= stack.changes(Checkout.here(), name).items()


@pytest.mark.parametrize("name", ["staging", "production", "local-2"])
def test_other_stacks_keep_the_users_settings(name: str) -> None:
    assert set(stack.changes(HERE, name)) == {"PATH", "PULUMI_SKIP_UPDATE_CHECK", "PULUMI_PARALLEL"}


def test_only_the_local_stack_is_changed_without_a_question(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack.Stack, "_select", lambda self: None)
    monkeypatch.setattr(stack.Stack, "_tell", lambda self: None)
    monkeypatch.setattr(stack.Stack, "_prepare", lambda self: None)
    monkeypatch.setattr(stack.Stack, "_exists", lambda self: True)
    for operation in stack.OPERATIONS:
        for name in ("local", "production"):
            stack.Stack(checkout, name).operate(operation, ["--target", "x"])
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "up --stack local --yes --skip-preview --suppress-outputs --target x"
    assert [line for line in said if "production" in line] == [
        f"{operation} --stack production --target x" for operation in stack.OPERATIONS
    ]


@pytest.mark.parametrize(
    ("name", "logged_in", "told"), [("staging", 1, True), ("staging", 0, False), ("local", 1, False)]
)
def test_who_is_not_logged_in_is_told_where_to(
    checkout: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    logged_in: int,
    told: bool,
) -> None:
    (checkout.bin / "pulumi").write_text(f'#!/bin/sh\n[ "$1" = whoami ] && exit {logged_in}\nexit 255\n')
    for step in ("_select", "_prepare"):
        monkeypatch.setattr(stack.Stack, step, lambda self: None)
    assert stack.Stack(checkout, name).operate("preview", []) == 255
    assert ("make preview STACK=staging CLOUD=aws" in capsys.readouterr().err) is told


def test_the_environment_can_be_taken_over_by_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    stack.Stack(Checkout(Path("/a clone"), Path("/cache")), "local").print_environment()
    script = capsys.readouterr().out + 'printf "%s|%s" "$PULUMI_BACKEND_URL" "$PATH"'
    said = subprocess.run(["sh", "-c", script], env={"PATH": "/bin"}, capture_output=True, text=True, check=True).stdout
    assert said == "file:///a clone/.aex/state?metadata=skip|/a clone/.aex/bin:/bin"


def test_every_check_is_made_and_tests_come_last() -> None:
    names = [part.name for part in check.parts(HERE, "usual", [])]
    assert names == ["format", "lint", "imports", "types", "workflows", "tests"]


def test_named_tests_are_run_alone() -> None:
    (only,) = check.parts(HERE, "fast", ["tests/tools"])
    assert only.command[-1] == "tests/tools"
    assert "not engine and not processes and not deep" in only.command


def test_the_table_says_what_failed() -> None:
    text = check.table([check.Outcome("lint", 0, 1.25), check.Outcome("tests", 1, 300)])
    assert re.search(r"lint +1\.2 s +passed", text)
    assert re.search(r"tests +5 min 0 s +FAILED \(exit code 1\)", text)
    assert re.search(r"total +5 min 1 s", text)


def test_errors_show_the_command_its_last_words_and_the_remedy() -> None:
    with pytest.raises(SetupError) as caught:
        run(["sh", "-c", "echo first; echo no space left >&2; exit 3"], remedy="Make room.")
    assert "failed with exit code 3" in str(caught.value)
    assert "| no space left" in str(caught.value)
    assert str(caught.value).endswith("→ Make room.")


def test_a_missing_program_is_named() -> None:
    with pytest.raises(SetupError, match="/no/such/program cannot be started: No such file"):
        run(["/no/such/program"], remedy="Install it.")


def test_an_old_python_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 10, 12))
    with pytest.raises(SetupError, match=r"make setup PYTHON=python3\.13"):
        setup._refuse_old_python()
