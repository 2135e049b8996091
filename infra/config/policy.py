"""`agent-exchange:policy`: what a stack may say about the policy pack (`infra/policy`).

A waiver lifts one rule from some resources until a day. That the rule exists, and that the day has not passed, is
judged by the pack itself: a waiver that ends is a violation with a reason, and no obstacle where the pack does not run.
"""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import Field

from infra.config.section import Section


class Waiver(Section):
    """One rule that does not hold for some resources, why, and until when."""

    rule: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    """Id of the rule, as docs/policy.md lists it."""
    resource: Annotated[str, Field(min_length=1)]
    """Name or URN of the resource, where `*` stands for any characters."""
    reason: Annotated[str, Field(min_length=15)]
    """For whoever reads it next: why the rule cannot hold here."""
    until: datetime.date
    """The last day (UTC) on which the waiver counts."""


class PolicySettings(Section):
    """What the stack says about the policy pack."""

    waivers: list[Waiver] = Field(default_factory=list)
