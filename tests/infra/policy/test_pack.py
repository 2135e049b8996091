"""How the rules meet pulumi-policy: the stack's config, values that are not known, what is reported."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pulumi_policy.policy
import pytest
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import (
    EnforcementLevel,
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _NotApplicableError
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra.config import Environment
from infra.policy import pack
from infra.policy.rules import IDS
from tests.infra.policy.building import COMPONENT

KEY = {"aws:region": "us-east-1", "agent-exchange:clouds": '["aws"]'}
BUCKET = "gcp:storage/bucket:Bucket"


class Servicer(analyzer_pb2_grpc.AnalyzerServicer):
    """Answers like pulumi-policy's own."""

    def ConfigureStack(self, request: object, context: object) -> str:
        del request, context
        return "its own answer"


def configured(config: Mapping[str, str], stack: str = "staging") -> pack.Told:
    told = pack.Told()
    end = pack.listen(told)
    try:
        servicer, server = Servicer(), grpc.server(ThreadPoolExecutor(max_workers=1))
        analyzer_pb2_grpc.add_AnalyzerServicer_to_server(servicer, server)
    finally:
        end()
    assert servicer.ConfigureStack(SimpleNamespace(stack=stack, config=config), None) == "its own answer"
    return told


def options(parent: str = COMPONENT, *, protect: bool = False) -> PolicyResourceOptions:
    return PolicyResourceOptions(protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], parent)


def judged(rule: str, kind: str, properties: dict[str, Any], told: pack.Told | None = None) -> list[str]:
    """What one policy reports about one resource, as pulumi-policy would show it."""
    found: list[str] = []
    (policy,) = (each for each in pack.policies(told or pack.Told()) if each.name == rule)
    assert isinstance(policy, ResourceValidationPolicy)
    args = ResourceValidationArgs(
        kind,
        unknown_checking_proxy(properties),
        f"urn:pulumi:staging::agent-exchange::x${kind}::thing",
        "thing",
        options(),
        PolicyProviderResource("pulumi:providers:gcp", {}, "urn", "default"),
    )
    policy.validate(args, lambda message, _=None: found.append(message))
    return found


def test_pulumi_policy_serves_through_the_function_that_is_listened_at() -> None:
    assert vars(pulumi_policy.policy)["analyzer_pb2_grpc"] is analyzer_pb2_grpc
    assert "add_AnalyzerServicer_to_server" in pulumi_policy.policy.PolicyPack.__init__.__code__.co_names


def test_the_engine_s_word_about_the_stack_is_heard() -> None:
    stack = configured(KEY).stack
    assert (stack.name, stack.environment, stack.protect, stack.https) == ("staging", Environment.STAGING, False, False)
    assert configured({**KEY, "agent-exchange:aws": json.dumps({"domain": "aex.example.org"})}).stack.https


def test_a_pack_that_is_told_nothing_judges_as_production() -> None:
    for told in (pack.Told(), configured({"agent-exchange:clouds": '["nowhere"]'}), configured({}, "somebody")):
        assert told.stack.environment is Environment.PRODUCTION
        assert told.stack.protect and told.stack.https and not told.stack.waivers


def test_waivers_come_from_the_config_and_from_open_shells() -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    waiver = {"rule": "tags", "resource": "v*", "reason": "somebody else's tags are on it", "until": "2027-01-31"}
    stack = configured(
        {
            **KEY,
            "agent-exchange:policy": json.dumps({"waivers": [waiver]}),
            "agent-exchange:aws": json.dumps({"executeCommand": {"aex-gateway": today.isoformat()}}),
        }
    ).stack
    assert [(each.rule, each.until) for each in stack.waivers] == [("tags", datetime.date(2027, 1, 31))]
    assert [(each.rule, each.resource, each.until) for each in stack.shells] == [
        ("aws-container-read-only", "aex-gateway", today)
    ]


def test_every_rule_is_a_policy_with_its_id_and_its_severity() -> None:
    policies = pack.policies(pack.Told())
    assert {each.name for each in policies} == IDS
    advisory = {each.name for each in policies if each.enforcement_level is EnforcementLevel.ADVISORY}
    assert advisory == {"aws-group-described", "aws-group-used", "gcp-cpu-between-requests", "gcp-registry-scanned"}
    assert all(each.enforcement_level is EnforcementLevel.MANDATORY for each in policies if each.name not in advisory)
    assert all(each.description.startswith("Because ") for each in policies)


def test_a_violation_says_what_is_wrong_and_what_to_do() -> None:
    (said,) = judged("gcp-bucket-private", BUCKET, {"uniformBucketLevelAccess": True})
    assert said == (
        "the bucket can become public: set uniformBucketLevelAccess to true and publicAccessPrevention to enforced."
    )
    assert judged("gcp-bucket-private", "gcp:storage/bucketObject:BucketObject", {}) == []


def test_what_is_not_known_waits_for_the_update() -> None:
    properties = {"uniformBucketLevelAccess": True, "publicAccessPrevention": UNKNOWN_STRING_VALUE}
    # What pulumi-policy takes for "not applicable", not for a failure.
    with pytest.raises(_NotApplicableError) as caught:
        judged("gcp-bucket-private", BUCKET, properties)
    assert caught.value.reason == "publicAccessPrevention is not known before the update; judged during the update"


def test_what_is_known_is_reported_though_the_rest_is_not() -> None:
    found: list[str] = []
    (policy,) = (each for each in pack.policies(pack.Told()) if each.name == "gcp-bucket-private")
    assert isinstance(policy, ResourceValidationPolicy)
    properties = unknown_checking_proxy(
        {"uniformBucketLevelAccess": False, "publicAccessPrevention": UNKNOWN_STRING_VALUE}
    )
    args = ResourceValidationArgs(BUCKET, properties, "urn", "thing", options(), None)
    with pytest.raises(_NotApplicableError):
        policy.validate(args, lambda message, _=None: found.append(message))
    assert len(found) == 1 and found[0].startswith("single objects can be published")


def test_a_value_that_is_not_known_is_one_that_is_given() -> None:
    kind = "aws:secretsmanager/secret:Secret"
    assert judged("aws-secret-key", kind, {"kmsKeyId": UNKNOWN_STRING_VALUE}) == []
    assert judged("aws-secret-key", kind, {}) != []


def test_violations_of_whole_stacks_name_their_resource() -> None:
    found: list[tuple[str, str | None]] = []
    vpc = PolicyResource(
        "aws:ec2/vpc:Vpc",
        unknown_checking_proxy({"cidrBlock": UNKNOWN_STRING_VALUE}),
        "urn:vpc",
        "vpc",
        options(),
        None,
        None,
        [],
        {},
    )
    log = PolicyResource(
        "aws:ec2/flowLog:FlowLog",
        unknown_checking_proxy({"vpcId": UNKNOWN_STRING_VALUE, "trafficType": "ALL"}),
        "urn:log",
        "log",
        options(),
        None,
        None,
        [],
        {"vpcId": [vpc]},
    )
    (policy,) = (each for each in pack.policies(pack.Told()) if each.name == "aws-vpc-flow-logs")
    assert isinstance(policy, StackValidationPolicy)
    policy.validate(StackValidationArgs([vpc]), lambda message, urn=None: found.append((message, urn)))
    policy.validate(StackValidationArgs([vpc, log]), lambda message, urn=None: found.append((message, urn)))
    assert [urn for _, urn in found] == ["urn:vpc"]
