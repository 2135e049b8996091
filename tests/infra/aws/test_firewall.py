"""The firewall: which groups of rules stand at the door, which of their rules only count, and what is logged of it."""

import json
from typing import Any

import pytest

from infra.aws.firewall import Firewall
from tests.infra.aws import parts
from tests.infra.mocks import Resource, declared

ACL = "aws:wafv2/webAcl:WebAcl"

LET_THROUGH = {
    # what the wire contract has that the common rules would stop
    "SizeRestrictions_BODY": "payloads of 100 KiB; the rule stops at 8",
    "NoUserAgent_HEADER": "clients that do not say what they are",
    "CrossSiteScripting_BODY": "descriptions with markup",
    "GenericRFI_BODY": "addresses of webhooks and agent cards",
    "GenericLFI_BODY": "descriptions with paths in them",
}


def acl() -> Resource:
    return parts.alone(Firewall).one(ACL)


def test_the_managed_groups_are_the_general_ones_in_the_order_of_their_price() -> None:
    rules = sorted(acl().inputs["rules"], key=lambda rule: rule["priority"])
    assert [rule["name"] for rule in rules] == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
        "rate",
    ]
    for rule in rules[:-1]:
        group = rule["statement"]["managedRuleGroupStatement"]
        assert (group["vendorName"], group["name"]) == ("AWS", rule["name"])
        assert rule["overrideAction"] == {"none": {}}, "it blocks"
    assert acl().inputs["defaultAction"] == {"allow": {}}
    assert acl().inputs["scope"] == "REGIONAL"


def test_what_the_contract_has_only_counts_and_every_other_rule_blocks() -> None:
    counted = {
        override["name"]: override["actionToUse"]
        for rule in acl().inputs["rules"]
        for override in rule["statement"].get("managedRuleGroupStatement", {}).get("ruleActionOverrides", [])
    }
    assert counted == {rule: {"count": {}} for rule in LET_THROUGH}


def test_one_address_may_send_so_much_and_is_then_told_to_wait() -> None:
    (rate,) = [rule for rule in acl().inputs["rules"] if rule["name"] == "rate"]
    assert rate["statement"]["rateBasedStatement"] == {
        "limit": 10_000,
        "aggregateKeyType": "IP",
        "evaluationWindowSec": 300,
    }
    assert rate["action"] == {"block": {"customResponse": {"responseCode": 429}}}


def test_everything_is_measured() -> None:
    visible = [acl().inputs["visibilityConfig"], *(rule["visibilityConfig"] for rule in acl().inputs["rules"])]
    assert all(each["cloudwatchMetricsEnabled"] and each["sampledRequestsEnabled"] for each in visible)
    assert len({each["metricName"] for each in visible}) == len(visible)


def test_what_it_saw_is_logged_without_credentials_where_only_log_delivery_writes() -> None:
    run = parts.alone(Firewall)
    logging = run.one("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    redacted = {each["singleHeader"]["name"] for each in logging.inputs["redactedFields"]}
    assert redacted == {"authorization", "x-api-key"}
    group = run.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert group["name"].startswith("aws-waf-logs-"), "AWS takes no other name"
    assert group["kmsKeyId"] == parts.KEY
    allowed = run.one("aws:cloudwatch/logResourcePolicy:LogResourcePolicy")
    (statement,) = json.loads(allowed.inputs["policyDocument"])["Statement"]
    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert statement["Resource"] == [f"arn:aws:logs:us-east-1:123456789012:log-group:{group['name']}:*"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert allowed.urn in set(logging.options.dependencies), "or AWS refuses the logging"


@pytest.mark.parametrize(("limit", "mode"), [(500, "block"), (2_000_000, "count")])
def test_config_sets_the_rate_and_what_a_match_does(limit: int, mode: str) -> None:
    settings: dict[str, Any] = {"firewall": mode, "requestsPerFiveMinutes": limit}
    run = declared(
        lambda: parts.Root(lambda opts, _: Firewall(parts.context(aws=settings), "arn:alb", parts.KEY, opts))
    )
    rules = {rule["name"]: rule for rule in run.one(ACL).inputs["rules"]}
    assert rules["rate"]["statement"]["rateBasedStatement"]["limit"] == limit
    assert set(rules["rate"]["action"]) == {mode}
    common = rules["AWSManagedRulesCommonRuleSet"]["overrideAction"]
    assert set(common) == {"none" if mode == "block" else "count"}
