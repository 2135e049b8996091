"""The account of the store tests at the end of a run: backend x test, what was skipped and why, figures of faults.

A plugin, which `tests/conftest.py` registers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

BACKENDS = ("sqlite", "sqlite-memory", "mongo", "firestore")
_CONFORMANCE = re.compile(r"tests/app/store/test_conformance_(\w+)\.py::test_(\w+)\[(.*)\]$", re.S)
_BAD = ("failed", "error")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table if a conformance test was part of the run."""
    cells: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    skipped: dict[str, set[str]] = defaultdict(set)
    figures: list[str] = []
    for outcome, report in _reports(terminalreporter):
        figures += [str(value) for name, value in report.user_properties if name == "figures"]
        if (found := _CONFORMANCE.search(report.nodeid)) is None:
            continue
        part, test, parameters = found.groups()
        backend = _backend(parameters)
        cells[f"{part}: {test.replace('_', ' ')}"][backend][outcome] += 1
        if outcome == "skipped":
            skipped[_reason(report)].add(f"{test} [{backend}]")
    if cells:
        terminalreporter.section("stores: test x backend")
        for line in _table(cells):
            terminalreporter.write_line(line)
        for reason, tests in sorted(skipped.items()):
            terminalreporter.write_line(f"skipped, {reason}: {', '.join(sorted(tests))}")
    if figures:
        terminalreporter.section("faults survived")
        for line in sorted(figures):
            terminalreporter.write_line(line)


def _reports(terminal: pytest.TerminalReporter) -> Iterator[tuple[str, pytest.TestReport]]:
    for outcome in ("passed", *_BAD, "skipped"):
        for report in terminal.stats.get(outcome, []):
            if isinstance(report, pytest.TestReport):
                yield outcome, report


def _backend(parameters: str) -> str:
    for backend in sorted(BACKENDS, key=len, reverse=True):
        if parameters == backend or parameters.startswith(f"{backend}-"):
            return backend
    return "?"


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def _table(cells: dict[str, dict[str, Counter[str]]]) -> Iterator[str]:
    width = max(map(len, cells))
    columns = [(backend, max(len(backend), 7)) for backend in BACKENDS]
    yield f"{'':{width}}  " + "  ".join(f"{backend:{size}}" for backend, size in columns)
    for test in sorted(cells):
        row = cells[test]
        yield f"{test:{width}}  " + "  ".join(f"{_cell(row.get(backend)):{size}}" for backend, size in columns)


def _cell(counts: "Counter[str] | None") -> str:
    if not counts:
        return "-"
    if bad := sum(counts[outcome] for outcome in _BAD):
        return f"{bad} BAD"
    if not counts["passed"]:
        return "skipped"
    return "ok" if counts["passed"] == 1 else f"ok {counts['passed']}"
