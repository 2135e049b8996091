"""Which versions are wanted comes from the files that decide about them."""

from pathlib import Path

import pytest

from tools import versions

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.274.1\n", (3, 274, 1)),
        ("uv 0.13.9 (x86_64-unknown-linux-gnu)", (0, 13, 9)),
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("  Candidate: 2:1.24~2", (1, 24, 0)),
        ("v3.275.0-alpha.1", (3, 275, 0)),
        ("no such command", None),
    ],
)
def test_versions_are_found_in_what_programs_say(text: str, version: versions.Version | None) -> None:
    assert versions.parse(text) == version


def test_versions_compare_as_numbers() -> None:
    assert (versions.parse("v3.100.0") or ()) > (versions.parse("v3.99.9") or ())


def test_the_engine_that_setup_gets_is_new_enough_for_the_locked_sdk() -> None:
    assert versions.engine_version(ROOT) >= versions.sdk_version(ROOT)


def test_the_engine_names_the_go_that_it_needs() -> None:
    assert versions.go_version(ROOT) >= (1, 21, 0)
