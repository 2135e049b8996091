"""All rules, by concern. A new rule is one more function in one of these modules, and an example of both outcomes."""

from __future__ import annotations

from typing import Final

from infra.policy.model import Rule
from infra.policy.rules import (
    availability,
    calls,
    containers,
    encryption,
    exposure,
    keeping,
    network,
    ownership,
    permissions_aws,
    permissions_google,
    transport,
    trust,
    watching,
)

CONCERNS: Final[dict[str, tuple[Rule, ...]]] = {
    "Encryption at rest": encryption.RULES,
    "Encryption on the way": transport.RULES,
    "What the internet can reach": exposure.RULES,
    "Networks and firewalls": network.RULES,
    "Permissions on AWS": permissions_aws.RULES,
    "Permissions on Google Cloud": permissions_google.RULES,
    "Trust in pipelines": trust.RULES,
    "Who calls whom": calls.RULES,
    "Containers": containers.RULES,
    "Keeping data and images": keeping.RULES,
    "Logs and alarms": watching.RULES,
    "Availability": availability.RULES,
    "Ownership": ownership.RULES,
}

RULES: Final[tuple[Rule, ...]] = tuple(rule for rules in CONCERNS.values() for rule in rules)

IDS: Final = frozenset(rule.about.id for rule in RULES)

__all__ = ["CONCERNS", "IDS", "RULES"]
