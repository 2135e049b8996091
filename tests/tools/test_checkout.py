"""Stamps: a step is passed over only while what decides about its outcome is the same."""

import threading
import time
from pathlib import Path

import pytest

from tools.checkout import Checkout, fingerprint, locked


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "clone", tmp_path / "cache")


def test_a_step_is_current_only_with_the_same_inputs(checkout: Checkout) -> None:
    assert not checkout.is_current("engine", "one")
    checkout.complete("engine", "one")
    assert checkout.is_current("engine", "one")
    assert not checkout.is_current("engine", "two")
    assert not checkout.is_current("platform", "one")


def test_an_interrupted_step_is_done_again(checkout: Checkout) -> None:
    checkout.complete("engine", "one")
    checkout.forget("engine")
    assert not checkout.is_current("engine", "one")
    checkout.forget("engine")  # twice is no error


def test_fingerprints_follow_contents_and_facts(tmp_path: Path) -> None:
    lock, other = tmp_path / "uv.lock", tmp_path / "pyproject.toml"
    lock.write_text("a")
    other.write_text("b")
    first = fingerprint([lock, other], "3.11")
    assert first == fingerprint([lock, other], "3.11")
    assert first != fingerprint([lock, other], "3.12")
    assert first != fingerprint([lock], "3.11")
    # What moves from one file to the next is a change, too.
    lock.write_text("ab")
    other.write_text("")
    assert first != fingerprint([lock, other], "3.11")


def test_the_cache_is_where_the_user_wants_caches() -> None:
    assert Checkout.here({"XDG_CACHE_HOME": "/x", "HOME": "/h"}).cache == Path("/x/agent-exchange")
    assert Checkout.here({"HOME": "/h"}).cache == Path("/h/.cache/agent-exchange")


def test_two_setups_take_turns(tmp_path: Path) -> None:
    inside: list[str] = []

    def second() -> None:
        with locked(tmp_path):
            inside.append("second")

    with locked(tmp_path):
        other = threading.Thread(target=second)
        other.start()
        time.sleep(0.2)
        inside.append("first")
    other.join(5)
    assert inside == ["first", "second"]
