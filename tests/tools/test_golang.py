"""Which Go builds the engine, and what is said when there is none."""

from pathlib import Path

import pytest

from tests.tools.programs import program
from tools import golang
from tools.process import SetupError

NEEDED = (1, 26, 6)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(golang, "USUAL_PLACES", ())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None)


def test_without_go_the_error_names_both_ways_out() -> None:
    with pytest.raises(SetupError) as caught:
        golang.find(NEEDED)
    assert "https://www.pulumi.com/docs/install/" in str(caught.value)
    assert "https://go.dev/dl/" in str(caught.value)


def test_a_go_that_cannot_fetch_toolchains_is_refused(tmp_path: Path) -> None:
    program(tmp_path, "go", "go version go1.19.8 linux/amd64")
    with pytest.raises(SetupError, match=r"Go 1\.19\.8, too old(.|\n)*bookworm-backports"):
        golang.find(NEEDED)


def test_an_older_go_fetches_the_one_that_is_needed(tmp_path: Path) -> None:
    program(tmp_path, "go", "go version go1.21.0 linux/amd64")
    assert golang.find(NEEDED).env["GOTOOLCHAIN"] == "auto"


def test_a_go_that_is_new_enough_stays_as_it_is(tmp_path: Path) -> None:
    program(tmp_path, "go", "go version go1.26.8 linux/amd64")
    assert golang.find(NEEDED).env["GOTOOLCHAIN"] == "local"


def test_the_build_depends_on_nothing_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOOS", "plan9")
    env = golang.build_environment(fetch=False)
    assert "GOFLAGS" not in env and "GOOS" not in env
    assert env["CGO_ENABLED"] == "0"  # a fresh machine has no C compiler
