"""Waivers in a stack's config, and what else of the config rules know about."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from infra.config import ConfigError, Environment, load
from infra.policy.settings import stack_of
from tests.infra.policy.building import TODAY

PLACES = {"aws:region": "us-east-1", "gcp:region": "us-central1", "gcp:project": "my-project-1"}
WAIVER = {"rule": "tags", "resource": "vpc", "reason": "somebody else pays for it", "until": "2027-01-31"}


def config(**sections: Any) -> dict[str, str]:
    values = {"clouds": ["gcp", "aws"], **sections}
    return {**PLACES, **{f"agent-exchange:{key}": json.dumps(value) for key, value in values.items()}}


def refused(**changes: object) -> str:
    waiver = {key: value for key, value in {**WAIVER, **changes}.items() if value is not None}
    with pytest.raises(ConfigError) as caught:
        load(config(policy={"waivers": [waiver]}), "staging")
    (problem,) = caught.value.problems
    return problem


def test_a_waiver_is_read_as_it_is_written() -> None:
    (waiver,) = load(config(policy={"waivers": [WAIVER]}), "staging").policy.waivers
    assert (waiver.rule, waiver.resource, waiver.until) == ("tags", "vpc", datetime.date(2027, 1, 31))
    assert not load(config(), "staging").policy.waivers


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"until": None}, "agent-exchange:policy.waivers[0].until: is missing: set it"),
        ({"until": "next week"}, "'next week' is refused"),
        ({"reason": "because"}, "at least 15 characters"),
        ({"rule": "Tags"}, "'Tags' does not match"),
        ({"expires": "2027-01-31"}, "agent-exchange:policy.waivers[0].expires: there is no such key"),
    ],
)
def test_a_waiver_that_cannot_be_used_is_refused(changes: dict[str, object], said: str) -> None:
    assert said in refused(**changes)


def test_a_waiver_that_has_ended_is_the_pack_s_business() -> None:
    assert load(config(policy={"waivers": [{**WAIVER, "until": "2020-01-01"}]}), "staging").policy.waivers


def test_rules_know_what_the_config_opens() -> None:
    staging = stack_of(load(config(), "staging"), TODAY)
    assert (staging.environment, staging.private_egress, staging.open_gateway) == (Environment.STAGING, True, True)
    listed = {"access": "iam", "invokers": ["group:people@example.org"]}
    assert not stack_of(load(config(gcp=listed), "staging"), TODAY).open_gateway
    assert not stack_of(load(config(), "pr-12"), TODAY).private_egress


def test_production_is_encrypted_unless_something_else_encrypts() -> None:
    iam = {"access": "iam", "invokers": ["group:people@example.org"]}
    plain = stack_of(load(config(aws={"allowHttp": True}, gcp=iam), "production"), TODAY)
    encrypted = stack_of(load(config(aws={"domain": "aex.example.org"}, gcp=iam), "production"), TODAY)
    assert (plain.https, encrypted.https) == (False, True)
