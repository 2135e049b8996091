"""Every stack of the platform keeps every rule, on both clouds, and every rule has met what it is about."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest
from pulumi import _types as sdk

from infra.policy.judge import violations
from infra.policy.model import Place, Resource, Stack
from infra.policy.properties import Properties
from infra.policy.rules import RULES
from infra.policy.rules.ownership import LABELED, TAGGED
from infra.policy.settings import stack_of
from tests.infra import arguments
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


STACKS = ("staging", "production", "pr-12", "bootstrap")
FORBIDDEN = {"aws-iam-managed-admin", "aws-no-users", "gcp-no-account-keys"}
"""Rules about what no stack declares: that is what they ask for."""


def run_of(cloud: str, name: str) -> Run:
    """What a stack declares."""
    if cloud == "gcp":
        return gcp.stack(name)
    return aws.bootstrap() if name == "bootstrap" else aws.stack(name)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_stack_breaks_no_rule(cloud: str, name: str) -> None:
    settings = gcp.settings_of(name)
    if cloud == "aws":
        more = {"aws": {}, "github": aws.GITHUB, "image": {}} if name == "bootstrap" else {}
        settings = aws.settings_of(name, **more)
    found = broken(resources_of(run_of(cloud, name)), stack_of(settings, TODAY))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_whatever_takes_tags_is_asked_for_them(cloud: str) -> None:
    types = {each.type for name in STACKS for each in run_of(cloud, name).resources if each.custom}
    missed: dict[str, set[str]] = {}
    for token in types:
        resource = arguments.resource_class(token)
        described = arguments.arguments_class(resource) if resource else None
        known = set(sdk.input_type_types(described)) if described else set()
        wanted = known & ({"tags"} if cloud == "aws" else {"userLabels"} if "userLabels" in known else {"labels"})
        if wanted and token not in TAGGED and LABELED.get(token) not in wanted:
            missed[token] = wanted
    assert not missed


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_rule_has_met_what_it_is_about(cloud: str) -> None:
    """A rule about types that no stack has would never find anything."""
    types = {each.type for name in STACKS for each in run_of(cloud, name).resources}
    place = Place.AWS if cloud == "aws" else Place.GCP
    idle = [rule.about.id for rule in RULES if rule.about.place is place and rule.types and not rule.types & types]
    assert set(idle) <= FORBIDDEN
