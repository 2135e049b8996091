"""What the run took, by part: a table at its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

import pytest

from tools.console import duration

SINGLE = "tests"
"""The part of files that are in no folder."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table, for a run of more than one part."""
    reports = [
        report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)
    ]
    lines = table(reports)
    if len(lines) > 2:
        terminalreporter.section("what each part took")
        for line in lines:
            terminalreporter.write_line(line)


def table(reports: Iterable[pytest.TestReport]) -> list[str]:
    """One line a part, the longest first: its tests, and their seconds summed over the workers, fixtures included."""
    seconds: defaultdict[str, float] = defaultdict(float)
    tests: Counter[str] = Counter()
    for report in reports:
        part = _part(report.nodeid)
        seconds[part] += report.duration
        tests[part] += report.when == "call"
    longest = sorted(seconds.items(), key=lambda item: -item[1])
    lines = [f"{'part':<14}{'tests':>6}  time, all workers together"]
    lines += [f"{part:<14}{tests[part]:>6}  {duration(taken)}" for part, taken in longest]
    return lines


def _part(nodeid: str) -> str:
    folders = PurePosixPath(nodeid.partition("::")[0]).parts[:-1]
    return "/".join(folders[:2]) if len(folders) > 1 else SINGLE


__all__ = ["pytest_terminal_summary", "table"]
