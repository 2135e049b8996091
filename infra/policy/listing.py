"""Writes the tables of docs/policy.md from the rules: `python -m infra.policy.listing` (`--check` only compares)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from infra.config import Environment
from infra.policy.model import About, Rule, StackRule
from infra.policy.not_applicable import NOT_APPLICABLE
from infra.policy.rules import CONCERNS
from infra.policy.standing import STANDING

PAGE: Final = Path(__file__).parents[2] / "docs" / "policy.md"
BEGIN: Final = "<!-- rules: written by `python -m infra.policy.listing` -->"
END: Final = "<!-- end of rules -->"


def tables() -> str:
    """The rules by concern, the standing exceptions and the checks that are not made, as Markdown."""
    return "\n".join([*_rules(), *_exceptions(), *_not_applicable()])


def page(text: str) -> str:
    """The page with the tables as they are now; ValueError where it has lost its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the tables: put {BEGIN} and {END} back")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def _rules() -> Iterator[str]:
    for concern, rules in CONCERNS.items():
        yield f"### {concern}\n"
        yield from _table(
            ("Rule", "Cloud", "Where", "Stops", "Because", "Remedy", "Checkov"),
            (_row(rule) for rule in rules),
        )


def _row(rule: Rule) -> tuple[str, ...]:
    about = rule.about
    return (
        f"`{about.id}`" + (" ¹" if isinstance(rule, StackRule) else ""),
        about.place.value,
        _where(about),
        "yes" if about.severity == "mandatory" else "no",
        about.reason,
        about.remedy,
        ", ".join(about.checkov) or "ours",
    )


def _where(about: About) -> str:
    """The environments, the shorter way round, and what else decides."""
    if about.where or about.protected:
        return about.where or "protected stacks"
    missing = sorted(frozenset(Environment) - about.environments)
    if not missing:
        return "everywhere"
    if len(missing) < len(about.environments):
        return f"all but {', '.join(missing)}"
    return ", ".join(sorted(about.environments))


def _exceptions() -> Iterator[str]:
    yield "## Standing exceptions\n"
    yield from _table(
        ("Rule", "Resources", "Where", "Reason"),
        (
            (f"`{each.rule}`", f"`{each.type}` {each.name}", ", ".join(sorted(each.environments)), each.reason)
            for each in STANDING
        ),
    )


def _not_applicable() -> Iterator[str]:
    yield "## Checks that are not made\n"
    yield from _table(("Checkov", "Reason"), NOT_APPLICABLE.items())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace('*', chr(92) + '*') for cell in row)} |"
    yield ""


def main() -> None:
    """Write the tables into the page; with `--check`, only say whether they are up to date."""
    now = PAGE.read_text()
    wanted = page(now)
    if sys.argv[1:] == ["--check"]:
        if now != wanted:
            sys.exit(f"{PAGE} is not what the rules say: run `python -m infra.policy.listing` and commit the result")
        return
    PAGE.write_text(wanted)


if __name__ == "__main__":
    main()
