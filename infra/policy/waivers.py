"""Where a rule does not hold: the waivers of a stack's config, and the standing exceptions of the platform itself.

A waiver counts until its day, and is then a violation of its own. A standing exception is a decision of this
repository, written down with its reason; docs/policy.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from infra.config import Environment
from infra.config.policy import Waiver
from infra.policy.model import Resource, Stack

LONGEST_WAIVER_DAYS: Final = 366
"""A waiver is looked at again at least once a year."""

READ_ONLY_ROOT: Final = "aws-container-read-only"
"""The rule that a shell (`aws.executeCommand`) cannot keep: its agent writes to the root file system."""


@dataclass(frozen=True, slots=True)
class StandingException:
    """A rule that does not hold for some resources of the platform, by decision."""

    rule: str
    type: str
    name: str
    """Names of resources, where `*` stands for any characters."""
    environments: frozenset[Environment]
    reason: str

    def covers(self, rule: str, resource: Resource, stack: Stack) -> bool:
        """Whether it lifts a rule from a resource."""
        return (
            rule == self.rule
            and resource.type == self.type
            and fnmatchcase(resource.name, self.name)
            and stack.environment in self.environments
        )


def matches(waiver: Waiver, resource: Resource) -> bool:
    """Whether a waiver names a resource, by name or by URN."""
    return fnmatchcase(resource.name, waiver.resource) or fnmatchcase(resource.urn, waiver.resource)


def lifted(rule: str, resource: Resource | None, stack: Stack) -> bool:
    """Whether the config lifts a rule from a resource today; from the stack as a whole with `*`."""
    return any(waiver.until >= stack.today for waiver in _about(rule, resource, stack))


def ended(rule: str, resource: Resource | None, stack: Stack) -> str:
    """What a violation says about a waiver that has ended; empty when there is none."""
    days = [waiver.until for waiver in _about(rule, resource, stack) if waiver.until < stack.today]
    return f" (its waiver ended on {max(days)})" if days else ""


def _about(rule: str, resource: Resource | None, stack: Stack) -> Iterator[Waiver]:
    for waiver in (*stack.waivers, *stack.shells):
        if waiver.rule == rule and (matches(waiver, resource) if resource else waiver.resource == "*"):
            yield waiver
