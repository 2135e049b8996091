"""Load balancers, target groups, listeners and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.components.protocol import Plain, PlainProperties
from tests.engine.standins.aws import guards
from tests.engine.standins.aws.kind import Also, AwsKind, Call, Facts, Row
from tests.engine.standins.traits import Name, Traits, fixed

_NAME = Name(pattern=r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", limit=32)

_BALANCER_ATTRIBUTES = {
    "enableDeletionProtection": "deletion_protection.enabled",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableHttp2": "routing.http2.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
}
_GROUP_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
}


def _text(value: Plain) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _balancer_attributes(inputs: PlainProperties) -> dict[str, Any]:
    found = [{"Key": name, "Value": _text(inputs[key])} for key, name in _BALANCER_ATTRIBUTES.items() if key in inputs]
    logs = inputs.get("accessLogs")
    if isinstance(logs, dict):
        found += [
            {"Key": "access_logs.s3.enabled", "Value": _text(logs.get("enabled", False))},
            {"Key": "access_logs.s3.bucket", "Value": str(logs["bucket"])},
            {"Key": "access_logs.s3.prefix", "Value": str(logs.get("prefix", ""))},
        ]
    return {"Attributes": found}


def _group_attributes(inputs: PlainProperties) -> dict[str, Any]:
    found = [{"Key": name, "Value": _text(inputs[key])} for key, name in _GROUP_ATTRIBUTES.items() if key in inputs]
    return {"Attributes": found}


def _balancer(inputs: PlainProperties) -> Mapping[str, Plain]:
    rest = {key: value for key, value in inputs.items() if key not in ("internal", "loadBalancerType")}
    return {
        **rest,
        "scheme": "internal" if inputs.get("internal") else "internet-facing",
        "type": inputs.get("loadBalancerType", "application"),
    }


def _group(inputs: PlainProperties) -> Mapping[str, Plain]:
    rest = {key: value for key, value in inputs.items() if key != "healthCheck"}
    check = inputs.get("healthCheck")
    if isinstance(check, dict):
        names = {
            "enabled": "healthCheckEnabled",
            "path": "healthCheckPath",
            "port": "healthCheckPort",
            "protocol": "healthCheckProtocol",
            "interval": "healthCheckIntervalSeconds",
            "timeout": "healthCheckTimeoutSeconds",
            "healthyThreshold": "healthyThresholdCount",
            "unhealthyThreshold": "unhealthyThresholdCount",
        }
        rest |= {names[key]: value for key, value in check.items() if key in names}
        if "matcher" in check:
            rest["matcher"] = {"httpCode": check["matcher"]}
    return rest


def _listener(inputs: PlainProperties) -> Mapping[str, Plain]:
    rest = {key: value for key, value in inputs.items() if key != "certificateArn"}
    if "certificateArn" in inputs:
        rest["certificates"] = [{"certificateArn": inputs["certificateArn"]}]
    return rest


def _rule(inputs: PlainProperties) -> Mapping[str, Plain]:
    fields = {"pathPattern": "path-pattern", "hostHeader": "host-header", "sourceIp": "source-ip"}
    conditions = inputs.get("conditions")
    if not isinstance(conditions, list):
        return inputs
    named: list[Plain] = [
        {"field": fields[key], f"{key}Config": value}
        for each in conditions
        if isinstance(each, dict)
        for key, value in each.items()
    ]
    return {**inputs, "conditions": named}


def _plug_in(kind: AwsKind, facts: Facts) -> None:
    guards.plug_in(kind, facts["id"], facts["subnets"], facts["securityGroups"])


def _suffix(_kind: AwsKind, _found: Any, facts: Facts) -> Plain:
    return str(facts["id"]).partition("loadbalancer/")[2]


def _group_suffix(_kind: AwsKind, _found: Any, facts: Facts) -> Plain:
    return str(facts["id"]).rpartition(":")[2]


_ACTIONS = {"redirect": "RedirectConfig", "fixedResponse": "FixedResponseConfig"}

ROWS = {
    "aws:lb/loadBalancer:LoadBalancer": Row(
        service="elbv2",
        create=Call("create_load_balancer", prepare=_balancer),
        id="LoadBalancers[0].LoadBalancerArn",
        also=(
            Also(
                [*_BALANCER_ATTRIBUTES, "accessLogs"],
                Call("modify_load_balancer_attributes", build=_balancer_attributes, more={"LoadBalancerArn": "{id}"}),
            ),
        ),
        read=("describe_load_balancers", {"LoadBalancerArns": ["{id}"]}, "LoadBalancers[0]"),
        delete=("delete_load_balancer", {"LoadBalancerArn": "{id}"}),
        outputs={
            "arn": "LoadBalancerArn",
            "dnsName": "DNSName",
            "zoneId": "CanonicalHostedZoneId",
            "arnSuffix": _suffix,
        },
        after_create=_plug_in,
        before_delete=guards.balancer_may_go,
        traits=Traits(name=_NAME, replace_on=fixed("name", "internal", "loadBalancerType")),
    ),
    "aws:lb/targetGroup:TargetGroup": Row(
        service="elbv2",
        create=Call("create_target_group", prepare=_group),
        id="TargetGroups[0].TargetGroupArn",
        also=(
            Also(
                list(_GROUP_ATTRIBUTES),
                Call("modify_target_group_attributes", build=_group_attributes, more={"TargetGroupArn": "{id}"}),
            ),
        ),
        read=("describe_target_groups", {"TargetGroupArns": ["{id}"]}, "TargetGroups[0]"),
        update=Call("modify_target_group", prepare=_group, more={"TargetGroupArn": "{id}"}),
        delete=("delete_target_group", {"TargetGroupArn": "{id}"}),
        outputs={"arn": "TargetGroupArn", "arnSuffix": _group_suffix},
        traits=Traits(
            name=_NAME,
            replace_on=fixed("name", "port", "protocol", "protocolVersion", "targetType", "vpcId", "ipAddressType"),
        ),
    ),
    "aws:lb/listener:Listener": Row(
        service="elbv2",
        create=Call("create_listener", _ACTIONS, prepare=_listener),
        id="Listeners[0].ListenerArn",
        read=("describe_listeners", {"ListenerArns": ["{id}"]}, "Listeners[0]"),
        update=Call("modify_listener", _ACTIONS, prepare=_listener, more={"ListenerArn": "{id}"}),
        delete=("delete_listener", {"ListenerArn": "{id}"}),
        outputs={"arn": "ListenerArn"},
        traits=Traits(replace_on=fixed("loadBalancerArn")),
    ),
    "aws:lb/listenerRule:ListenerRule": Row(
        service="elbv2",
        create=Call("create_rule", _ACTIONS, prepare=_rule),
        id="Rules[0].RuleArn",
        read=("describe_rules", {"RuleArns": ["{id}"]}, "Rules[0]"),
        update=Call("modify_rule", _ACTIONS, prepare=_rule, more={"RuleArn": "{id}"}),
        delete=("delete_rule", {"RuleArn": "{id}"}),
        outputs={"arn": "RuleArn"},
        traits=Traits(replace_on=fixed("listenerArn")),
    ),
}

__all__ = ["ROWS"]
