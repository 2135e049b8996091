"""Which files decide about the deployment of one service."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.components.catalog import CATALOG
from infra.local import code
from infra.local.code import code_hash
from infra.local.records import CHECKOUT

FILES = (
    "pyproject.toml",
    "uv.lock",
    "aex/__main__.py",
    "aex/core/app.py",
    "aex/store/collections.toml",
    "aex/one/app.py",
    "aex/other/app.py",
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(file)
    return tmp_path


def changes(app: Path, file: str) -> set[str]:
    """The services whose hash changes with that file."""
    code._file_hash.cache_clear()  # pyright: ignore[reportPrivateUsage]  (a program computes a hash once)
    before = {package: code_hash(app, package) for package in ("one", "other")}
    (app / file).parent.mkdir(parents=True, exist_ok=True)
    (app / file).write_text("changed")
    code._file_hash.cache_clear()  # pyright: ignore[reportPrivateUsage]
    return {package for package in before if code_hash(app, package) != before[package]}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("pyproject.toml", {"one", "other"}),
        ("uv.lock", {"one", "other"}),
        ("aex/__main__.py", {"one", "other"}),
        ("aex/core/app.py", {"one", "other"}),
        ("aex/core/deep/new.py", {"one", "other"}),
        ("aex/store/collections.toml", {"one", "other"}),
        ("aex/one/app.py", {"one"}),
        ("aex/one/new.py", {"one"}),
        ("aex/third/app.py", set()),
        ("aex/one/__pycache__/app.cpython-311.pyc", set()),
        ("aex/one/.app.py.swp", set()),
        ("README.md", set()),
    ],
)
def test_exactly_the_services_that_run_a_file_change_with_it(app: Path, file: str, expected: set[str]):
    assert changes(app, file) == expected


def test_a_renamed_file_is_another_code(app: Path):
    before = code_hash(app, "one")
    (app / "aex/one/app.py").rename(app / "aex/one/main.py")
    assert code_hash(app, "one") != before


def test_every_service_of_the_catalog_has_a_hash_of_its_own():
    hashes = {code_hash(CHECKOUT / "app", service.package) for service in CATALOG.services}
    assert len(hashes) == len(CATALOG.services)
