"""Where uv comes from."""

import io
from pathlib import Path

import pytest

from tests.tools.programs import program
from tools import uv
from tools.checkout import Checkout
from tools.console import Step
from tools.process import SetupError


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "clone", tmp_path / "cache")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    targets: list[Path] = []

    def install(target: Path) -> None:
        targets.append(target)
        program(target, "uv", "uv 0.13.9")

    monkeypatch.setattr(uv, "_install", install)
    return targets


def ensure(checkout: Checkout) -> Path:
    return uv.ensure(checkout, Step("uv", stream=io.StringIO()))


def test_a_new_enough_uv_on_path_is_used(
    checkout: Checkout, installed: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = program(tmp_path / "bin", "uv", "uv 0.99.0 (abc)")
    monkeypatch.setenv("PATH", str(found.parent))
    assert ensure(checkout) == found
    assert not installed


def test_an_old_one_is_not_and_the_new_one_is_got_once(
    checkout: Checkout, installed: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(program(tmp_path / "bin", "uv", "uv 0.4.1").parent))
    assert ensure(checkout) == ensure(checkout) == checkout.cache / "uv" / "0.13.9" / "uv"
    assert len(installed) == 1


def test_without_venv_and_pip_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(uv.sys, "executable", str(program(tmp_path, "python3", code=1)))
    with pytest.raises(SetupError, match=r"neither venv nor pip(.|\n)*apt-get install python3-venv"):
        uv._pip(tmp_path)


def test_an_installation_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pip = program(tmp_path / "bin", "pip", "No matching distribution", code=1)
    monkeypatch.setattr(uv, "_pip", lambda folder: ([str(pip)], folder / "uv"))
    with pytest.raises(SetupError, match=r"No matching distribution(.|\n)*PyPI"):
        uv._install(tmp_path / "uv" / "0.13.9")
    assert list((tmp_path / "uv").iterdir()) == []
