"""The page in the docs is what the rules say, and no check that the platform was measured against is forgotten."""

from __future__ import annotations

import pytest

from infra.policy import listing
from infra.policy.not_applicable import NOT_APPLICABLE
from infra.policy.rules import RULES

# Written by hand: what is known to be asked of resources such as ours.
ASKED = {
    "CKV_AWS": (2, 7, 23, 24, 25, 26, 51, 60, 61, 62, 63, 65, 66, 74, 85, 90, 91, 97, 103, 104, 130, 131, 136, 149, 150,
                158, 163, 182, 192, 223, 224, 249, 260, 261, 274, 275, 277, 286, 287, 288, 289, 290, 319, 328, 332, 333,
                334, 335, 336, 338, 355, 360, 378, 382, 393),
    "CKV2_AWS": (5, 11, 12, 20, 28, 31, 57, 64, 74, 76),
    "CKV_GCP": (4, 26, 29, 41, 42, 43, 46, 49, 73, 74, 78, 82, 84, 101, 102, 114, 117, 118, 125),
    "CKV2_GCP": (3, 5, 18),
}  # fmt: skip


def test_the_page_in_the_docs_is_up_to_date() -> None:
    now = listing.PAGE.read_text()
    assert now == listing.page(now), "run `.venv/bin/python -m infra.policy.listing` and commit the result"


def test_a_stale_page_is_found_and_written_anew() -> None:
    now = listing.PAGE.read_text()
    stale = now.replace("| `probes` |", "| `probe` |")
    assert stale != now == listing.page(stale)
    with pytest.raises(ValueError, match="no place for the tables"):
        listing.page(now.replace(listing.END, ""))


def test_every_check_is_made_or_there_is_a_reason_why_not() -> None:
    made = {check for rule in RULES for check in rule.about.checkov}
    asked = {f"{family}_{number}" for family, numbers in ASKED.items() for number in numbers}
    assert asked <= made | set(NOT_APPLICABLE)
    assert all(len(reason) > 30 for check, reason in NOT_APPLICABLE.items() if check not in made)


def test_every_rule_is_on_the_page() -> None:
    tables = listing.tables()
    assert all(f"| `{rule.about.id}`" in tables for rule in RULES)
