"""`--target` as the engine reads it, and the targets of the operator's page."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"


def pattern(target: str) -> re.Pattern[str]:
    """A target (resource/deploy, UrnTargets.getMatcher): `**` is anything, `*` anything without a colon."""
    parts = [re.escape(part).replace(r"\*", "[^:]*") for part in target.split("**")]
    return re.compile(".*".join(parts))


def targets_in(text: str) -> list[str]:
    """The targets in a piece of the page, in their order."""
    return re.findall(r"--target '([^']+)'", text)


__all__ = ["PAGE", "pattern", "targets_in"]
