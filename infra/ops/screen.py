"""What the operator sees: tables and one line a fact, colours only on a terminal, JSON instead on request.

Results go to standard output. What is being done goes to standard error, so that a pipe gets results alone: on a
terminal as a moving line that goes away, elsewhere as one line a step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.ops.faults import OpsError
from infra.ops.model import Health, Verdict, as_json

_WIDTH_ELSEWHERE: Final = 180
"""Columns where there is no terminal to ask: in a log, a line that is whole is worth more than one that fits."""

_VERDICTS: Final = {
    Verdict.OK: "[green]✓ ok[/]",
    Verdict.WARNING: "[yellow]! warning[/]",
    Verdict.FAILED: "[red]✗ failed[/]",
    Verdict.SKIPPED: "[dim]- skipped[/]",
}
_HEALTH: Final = {
    Health.HEALTHY: "[green]healthy[/]",
    Health.DEPLOYING: "[yellow]deploying[/]",
    Health.UNHEALTHY: "[red]unhealthy[/]",
    Health.STOPPED: "[red]stopped[/]",
    Health.MISSING: "[red]missing[/]",
}


class Screen:
    """Where a command writes. With `as_json`, the only thing on standard output is one JSON document."""

    def __init__(self, *, as_json: bool = False) -> None:
        """Take whether the result is JSON."""
        self.json = as_json
        self._out = _console(stderr=False)
        self._notes = _console(stderr=True)

    def line(self, text: str = "", *, whole: bool = False) -> None:
        """A line for people; rich's markup works in it. With `whole` it is not folded, so that it can be copied."""
        if not self.json:
            self._out.print(text, soft_wrap=whole)

    def table(self, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table for people. Columns that are empty in every row are left out."""
        if self.json:
            return
        used = [index for index, _ in enumerate(headings) if any(row[index] for row in rows)]
        # Not the table's own title, which would be folded to the table's width.
        self._out.print(f"\n[bold]{title}[/]" if title else "")
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for index in used:
            table.add_column(headings[index], overflow="fold")
        for row in rows:
            table.add_row(*(row[index] for index in used))
        self._out.print(table)

    def result(self, value: object) -> None:
        """The result as JSON, when that was asked for."""
        if self.json:
            self._out.file.write(json.dumps(as_json(value), indent=2, ensure_ascii=False) + "\n")

    def note(self, text: str) -> None:
        """Something to know that is no result."""
        self._notes.print(text)

    def fault(self, error: OpsError) -> None:
        """What went wrong, and what to do."""
        self._notes.print(f"[red]✗[/] {escape(error.what)}")
        self._notes.print(f"  → {escape(error.remedy)}")

    @contextmanager
    def working(self, text: str) -> Generator[None]:
        """Says what is being done while it is."""
        if self._notes.is_terminal:
            with self._notes.status(text):
                yield
        else:
            self._notes.print(f"[dim]… {text}[/]")
            yield


def verdict(value: Verdict) -> str:
    """A verdict with its colour."""
    return _VERDICTS[value]


def health(value: Health) -> str:
    """A state with its colour."""
    return _HEALTH[value]


def ago(moment: datetime | None) -> str:
    """How long ago, as people say it: `40 s`, `12 min`, `5 h`, `3 d`."""
    if moment is None:
        return ""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def short_digest(digest: str) -> str:
    """The beginning of a digest, which is enough to tell two apart."""
    return digest.removeprefix("sha256:")[:12]


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_ELSEWHERE
    return console


__all__ = ["Screen", "ago", "escape", "health", "short_digest", "verdict"]
