"""Category globs: the semantics of Go's `path.Match`, found through the index, and never slow."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aex.provider_registry.globs import MAX_LENGTH, index_key, look_up_keys, matches, parse


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        # From the table of Go's own test of path.Match.
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*", "ab/c", False),
        ("a*/b", "abc/b", True),
        ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^e-g]", "abc", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a?b", "a☺b", True),
        ("a[^a]b", "a☺b", True),
        ("a???b", "a☺b", False),
        ("[a-ζ]*", "\u03b1", True),
        ("*[a-ζ]", "A", False),
        ("a?b", "a/b", False),
        ("a*b", "a/b", False),
        ("[\\]a]", "]", True),
        ("[\\-x]", "-", True),
        ("[x\\-]", "z", False),
        ("*x", "xxx", True),
        ("", "", True),
        ("", "a", False),
        # Malformed: never matches.
        ("[]a]", "]", False),
        ("[-]", "-", False),
        ("[x-]", "x", False),
        ("[a-b-c]", "a", False),
        ("[", "a", False),
        ("[^", "a", False),
        ("a[", "a", False),
        ("a\\", "a", False),
    ],
)
def test_matches_like_path_match(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


def as_regex(pattern: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character)) for character in pattern)


@given(st.text("ab/*?", max_size=8), st.text("ab/", max_size=10))
@example("*a*/*b", "a/aa/b")
def test_matches_like_the_regular_expression(pattern: str, name: str) -> None:
    assert matches(pattern, name) == bool(re.fullmatch(as_regex(pattern), name, re.DOTALL))


@given(st.text("ab/*?[\\", max_size=60), st.text("ab/", max_size=60))
def test_whatever_matches_is_found_through_the_index(pattern: str, name: str) -> None:
    if matches(pattern, name):
        assert index_key(pattern) in look_up_keys(name)


def test_a_hostile_pattern_is_not_slow() -> None:
    """A regular expression takes longer than the universe for this one."""
    pattern, name = "*a" * 60 + "b", "a" * MAX_LENGTH
    started = time.process_time()
    assert not matches(pattern, name)
    assert time.process_time() - started < 1


def test_a_malformed_pattern_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="closed by a ]"):
        parse("a[bc")


def test_a_literal_is_found_by_one_key_and_a_glob_by_its_beginning() -> None:
    assert index_key("legal.contracts") == "=legal.contracts"
    assert index_key("legal.*") == "^legal."
    assert index_key("*") == "^"
    assert len(look_up_keys("x" * MAX_LENGTH)) < 20
