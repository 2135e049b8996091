"""Every stack of the platform keeps every rule, on both clouds, and every rule has met what it is about."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest

from infra.policy.judge import violations
from infra.policy.model import Resource, Stack
from infra.policy.properties import Properties
from infra.policy.rules import RULES
from infra.policy.settings import stack_of
from tests.infra.aws import stacks as aws
from tests.infra.gcp import stacks as gcp
from tests.infra.mocks import Run

TODAY = datetime.datetime.now(datetime.UTC).date()


def resources_of(run: Run) -> list[Resource]:
    """A run's resources as the pack sees them."""
    return [
        Resource(
            type=each.type,
            name=each.name,
            urn=each.urn,
            properties=Properties(each.inputs),
            parent=each.parent,
            custom=each.custom,
            protect=bool(each.options.protect),
            refers={name: list(said.urns) for name, said in each.options.propertyDependencies.items()},
        )
        for each in run.resources
    ]


def broken(resources: Sequence[Resource], stack: Stack) -> list[str]:
    """Everything that is wrong, one line each."""
    return [
        f"{violation.rule.id}: {violation.resource.urn if violation.resource else 'the stack'}: {violation.problem}"
        for rule in RULES
        for violation in violations(rule, resources, stack)
    ]


@pytest.mark.parametrize("name", ["staging", "production", "pr-12", "bootstrap"])
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_stack_breaks_no_rule(cloud: str, name: str) -> None:
    if cloud == "aws":
        run = aws.bootstrap() if name == "bootstrap" else aws.stack(name)
        settings = (
            aws.settings_of(name, {}, github=aws.GITHUB, image={}) if name == "bootstrap" else aws.settings_of(name)
        )
    else:
        run, settings = gcp.stack(name), gcp.settings_of(name)
    found = broken(resources_of(run), stack_of(settings, TODAY))
    assert not found, "\n" + "\n".join(found)
