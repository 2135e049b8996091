"""Every rule by example, and what holds for all of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infra.policy.judge import violations
from infra.policy.model import About, Place, Resource, ResourceRule, Rule, Severity, resource_rule
from infra.policy.properties import UNKNOWN, NotYetKnownError
from infra.policy.rules import CONCERNS, IDS, RULES
from infra.policy.standing import STANDING
from tests.infra import arguments
from tests.infra.policy.building import Example, made, stack, together, waiver
from tests.infra.policy.examples import EXAMPLES

BY_ID = {rule.about.id: rule for rule in RULES}
_NAMES = ("ACLs", "API", "AWS", "CPU", "Google", "Pulumi", "S3", "TLS")
CASES = [(example, case) for example in EXAMPLES for case in example.good]
BROKEN = [(example, case) for example in EXAMPLES for case in example.bad]


@pytest.mark.parametrize(("example", "case"), CASES, ids=[example.rule for example, _ in CASES])
def test_what_is_right_keeps_the_rule(example: Example, case: Resource) -> None:
    assert not [each.problem for each in violations(BY_ID[example.rule], together(case), example.within)]


@pytest.mark.parametrize(("example", "case"), BROKEN, ids=[example.rule for example, _ in BROKEN])
def test_what_is_wrong_breaks_the_rule(example: Example, case: Resource) -> None:
    found = list(violations(BY_ID[example.rule], together(case), example.within))
    assert found
    for violation in found:
        assert violation.rule.id == example.rule
        assert violation.message == f"{violation.problem}: {violation.rule.remedy}."


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.about.id)
def test_every_rule_has_an_example_of_both_outcomes(rule: Rule) -> None:
    mine = [example for example in EXAMPLES if example.rule == rule.about.id]
    assert any(example.good for example in mine), "nothing keeps it"
    assert any(example.bad for example in mine), "nothing breaks it"


def test_every_example_is_of_a_rule() -> None:
    assert {example.rule for example in EXAMPLES} == IDS


def test_examples_use_properties_that_exist() -> None:
    for example in EXAMPLES:
        for case in (*example.good, *example.bad):
            for resource in together(case):
                if resource.custom:
                    wrong = arguments.problems(resource.type, resource.properties.plain())
                    unknown = [each for each in wrong if "is not an argument" in each or "no installed SDK" in each]
                    mislabeled = example.rule == "tags" and resource.type.startswith("gcp:")
                    assert not unknown or mislabeled, f"{example.rule}: {resource.type}: {unknown}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.about.id)
def test_a_rule_can_be_read(rule: Rule) -> None:
    about = rule.about
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|tags|waivers|probes", about.id)
    for text in (about.reason, about.remedy):
        assert text and not text.endswith("."), "a clause: the sentence is made around it"
    assert about.reason[0].islower() or about.reason.startswith(_NAMES), "it follows the word because"
    assert all(re.fullmatch(r"CKV2?_[A-Z]+_\d+", check) for check in about.checkov)
    assert all(arguments.resource_class(token) for token in rule.types), "an SDK knows every type"
    prefixes = {token.partition(":")[0] for token in rule.types}
    if about.place is Place.AWS:
        assert prefixes <= {"aws"} and about.id.startswith("aws-")
    elif about.place is Place.GCP:
        assert prefixes <= {"gcp"} and about.id.startswith("gcp-")


def test_ids_are_unique_and_every_rule_has_a_concern() -> None:
    assert len(IDS) == len(RULES) == sum(len(rules) for rules in CONCERNS.values())


def test_standing_exceptions_are_of_rules_and_say_why() -> None:
    for exception in STANDING:
        assert exception.rule in IDS
        assert len(exception.reason) > 60


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if isinstance(rule, ResourceRule) and rule.types], ids=lambda r: r.about.id
)
def test_a_value_that_is_not_known_breaks_no_rule(rule: ResourceRule) -> None:
    """Everything is given and nothing is known, as in a preview at its worst."""
    for example in EXAMPLES:
        if example.rule == rule.about.id:
            for case in (each for good in example.good for each in together(good)):
                unknown: dict[str, Any] = dict.fromkeys(case.properties.keys(), UNKNOWN)
                nothing_known = made(case.type, case.name, protect=True, **unknown)
                try:
                    assert not list(violations(rule, [nothing_known], example.within))
                except NotYetKnownError as error:
                    assert "before the update" in str(error)


# --- waivers


@resource_rule(About(id="tags", place=Place.EVERY, reason="r", remedy="do", severity=Severity.ADVISORY))
def never(_resource: Resource, _stack: object):
    """Is always broken."""
    yield "broken"


VPC = made("aws:ec2/vpc:Vpc", "vpc")


@pytest.mark.parametrize("named", ["vpc", "v*", "urn:*::vpc", "urn:pulumi:test::agent-exchange::*ec2/vpc:Vpc::*"])
def test_a_waiver_lifts_its_rule_from_what_it_names(named: str) -> None:
    assert not list(violations(never, [VPC], stack(waivers=[waiver("tags", named)])))


def test_a_waiver_lifts_nothing_else() -> None:
    for other in (waiver("probes", "vpc"), waiver("tags", "vp"), waiver("tags", "urn:*Vpc::other")):
        assert list(violations(never, [VPC], stack(waivers=[other])))


def test_a_waiver_counts_on_its_last_day_and_not_after() -> None:
    last, after = waiver("tags", "vpc", until="2026-11-25"), waiver("tags", "vpc", until="2026-11-24")
    assert not list(violations(never, [VPC], stack(waivers=[last])))
    (violation,) = violations(never, [VPC], stack(waivers=[after]))
    assert violation.message == "broken (its waiver ended on 2026-11-24): do."
