"""The table of what a test run took."""

from typing import Literal

import pytest

from tests.timing import table


def report(nodeid: str, when: Literal["setup", "call", "teardown"], seconds: float) -> pytest.TestReport:
    return pytest.TestReport(nodeid, (nodeid, 0, nodeid), {}, "passed", None, when, duration=seconds)


def test_fixtures_count_for_the_part_and_only_calls_are_tests() -> None:
    reports = [
        report("tests/tools/test_a.py::test_it", "call", 1),
        report("tests/engine/test_b.py::test_it", "setup", 100),
        report("tests/engine/test_b.py::TestMore::test_it[tests/tools/x]", "call", 20),
        report("tests/engine/standins/test_c.py::test_it", "call", 0.5),
        report("tests/test_docs.py::test_it", "call", 2),
    ]
    assert [line.split() for line in table(reports)[1:]] == [
        ["tests/engine", "2", "2", "min", "0", "s"],
        ["tests", "1", "2.0", "s"],
        ["tests/tools", "1", "1.0", "s"],
    ]
