"""Resources and stacks to judge, written in one line each."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.config import Environment
from infra.config.policy import Waiver
from infra.policy.model import Resource, Stack
from infra.policy.properties import Properties

TODAY = datetime.date(2026, 11, 25)
COMPONENT = "urn:pulumi:test::agent-exchange::agent-exchange:aws:Platform$agent-exchange:aws:Thing::thing"
ROOT = "urn:pulumi:test::agent-exchange::pulumi:pulumi:Stack::agent-exchange-test"


def made(
    kind: str,
    name: str = "thing",
    /,
    *,
    protect: bool = False,
    custom: bool = True,
    parent: str = COMPONENT,
    refers: Mapping[str, Resource] | None = None,
    **properties: Any,
) -> Resource:
    """A resource; `refers` says which property's value comes from which other one."""
    return Resource(
        type=kind,
        name=name,
        urn=f"urn:pulumi:test::agent-exchange::agent-exchange:aws:Thing${kind}::{name}",
        properties=Properties(properties),
        parent=parent,
        custom=custom,
        protect=protect,
        refers={each: [source.urn] for each, source in (refers or {}).items()},
    )


def stack(environment: str = "production", **changes: Any) -> Stack:
    """A stack, as its environment makes it."""
    kind = Environment(environment)
    protect = kind in (Environment.PRODUCTION, Environment.BOOTSTRAP)
    known = {"protect": protect, "https": kind is Environment.PRODUCTION, "today": TODAY}
    return Stack(name="test", environment=kind, **{**known, **changes})


def waiver(rule: str, resource: str = "*", until: str = "2027-01-31") -> Waiver:
    """A waiver of a rule."""
    reason = "the test has a reason for everything"
    return Waiver.model_validate({"rule": rule, "resource": resource, "reason": reason, "until": until})


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows something."""
    return {"Sid": "Test", "Effect": "Allow", "Action": actions, "Resource": resources, **more}


@dataclass(frozen=True)
class Example:
    """Resources that keep a rule, and ones that break it, each judged in the same stack."""

    rule: str
    good: Sequence[Resource | Sequence[Resource]]
    bad: Sequence[Resource | Sequence[Resource]]
    within: Stack = field(default_factory=stack)


def together(case: Resource | Sequence[Resource]) -> list[Resource]:
    """One resource or several, as a list."""
    return [case] if isinstance(case, Resource) else list(case)
