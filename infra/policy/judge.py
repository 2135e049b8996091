"""Applies rules to resources: which rule concerns which resource, what is lifted, what cannot be judged yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.policy.model import Resource, ResourceRule, Rule, Stack, StackRule, Violation
from infra.policy.standing import STANDING
from infra.policy.waivers import ended, lifted


def concerns(rule: Rule, resource: Resource, stack: Stack) -> bool:
    """Whether a rule has an opinion about resources of this kind in this stack."""
    return applies(rule, stack) and (not rule.types or resource.type in rule.types)


def applies(rule: Rule, stack: Stack) -> bool:
    """Whether a rule holds in this stack at all."""
    return stack.environment in rule.about.environments and (stack.protect or not rule.about.protected)


def violations(rule: Rule, resources: Sequence[Resource], stack: Stack) -> Iterator[Violation]:
    """Everything in which `resources` break a rule, without what is waived.

    Raises NotYetKnownError, possibly after some violations, when a value is missing that only an update knows.
    """
    concerned = [resource for resource in resources if concerns(rule, resource, stack)]
    for resource, problem in _found(rule, concerned, stack):
        if lifted(rule.about.id, resource, stack):
            continue
        if resource and any(exception.covers(rule.about.id, resource, stack) for exception in STANDING):
            continue
        yield Violation(rule.about, resource, problem + ended(rule.about.id, resource, stack))


def _found(rule: Rule, concerned: Sequence[Resource], stack: Stack) -> Iterator[tuple[Resource | None, str]]:
    match rule:
        case ResourceRule():
            for resource in concerned:
                yield from ((resource, problem) for problem in rule.check(resource, stack))
        case StackRule():
            # A stack that has none of what the rule is about may break it just by that.
            if applies(rule, stack):
                yield from rule.check(concerned, stack)
