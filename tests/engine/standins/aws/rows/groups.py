"""Security groups and their rules, one resource per rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.components.protocol import Plain
from tests.engine.standins.aws import guards
from tests.engine.standins.aws.kind import Also, AwsKind, Call, Facts, Row
from tests.engine.standins.aws.rows.network import tagged
from tests.engine.standins.traits import Name, Traits, fixed

_ARN = "arn:aws:ec2:{region}:{account}:"


def _permission(inputs: Mapping[str, Plain]) -> dict[str, Any]:
    about = {"Description": inputs["description"]} if inputs.get("description") else {}
    permission: dict[str, Any] = {"IpProtocol": inputs["ipProtocol"]}
    permission |= {
        parameter: inputs[key] for key, parameter in (("fromPort", "FromPort"), ("toPort", "ToPort")) if key in inputs
    }
    for key, parameter, member in (
        ("cidrIpv4", "IpRanges", "CidrIp"),
        ("cidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("prefixListId", "PrefixListIds", "PrefixListId"),
        ("referencedSecurityGroupId", "UserIdGroupPairs", "GroupId"),
    ):
        if inputs.get(key):
            permission[parameter] = [{member: inputs[key], **about}]
    return {"GroupId": inputs["securityGroupId"], "IpPermissions": [permission]}


def _rule(way: str) -> Row:
    return Row(
        service="ec2",
        create=Call(
            f"authorize_security_group_{way}", skip=["tags"], build=_permission, more=tagged("security-group-rule")
        ),
        id="SecurityGroupRules[0].SecurityGroupRuleId",
        read=("describe_security_group_rules", {"SecurityGroupRuleIds": ["{id}"]}, "SecurityGroupRules[0]"),
        delete=(
            f"revoke_security_group_{way}",
            {"GroupId": "{securityGroupId}", "SecurityGroupRuleIds": ["{id}"]},
        ),
        outputs={"arn": _ARN + "security-group-rule/{id}", "securityGroupRuleId": "SecurityGroupRuleId"},
        # moto cannot modify a rule; AWS can. Our rules change by being other rules.
        traits=Traits(replace_on=fixed("securityGroupId")),
    )


def _close(kind: AwsKind, facts: Facts) -> None:
    # The provider takes out the rule with which AWS lets a new group reach everything.
    guards.clear_rules(kind, facts["id"])


ROWS = {
    "aws:ec2/securityGroup:SecurityGroup": Row(
        service="ec2",
        create=Call("create_security_group", {"name": "GroupName"}, skip=["tags"], more=tagged("security-group")),
        id="GroupId",
        read=("describe_security_groups", {"GroupIds": ["{id}"]}, "SecurityGroups[0]"),
        delete=("delete_security_group", {"GroupId": "{id}"}),
        echoed=fixed("revokeRulesOnDelete"),
        outputs={"arn": _ARN + "security-group/{id}"},
        after_create=_close,
        before_delete=guards.group_is_unused,
        traits=Traits(
            name=Name(pattern=r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+", limit=255),
            replace_on=fixed("name", "description", "vpcId"),
        ),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Row(
        service="ec2",
        # It exists with its VPC; the provider adopts and closes it, and forgets it in the end.
        create=Call(
            "describe_security_groups",
            only=(),
            more={
                "Filters": [
                    {"Name": "vpc-id", "Values": ["{vpcId}"]},
                    {"Name": "group-name", "Values": ["default"]},
                ]
            },
        ),
        id="SecurityGroups[0].GroupId",
        also=(Also(["tags"], Call("create_tags", only=(), more={"Resources": ["{id}"], "Tags": "{tag_list}"})),),
        read=("describe_security_groups", {"GroupIds": ["{id}"]}, "SecurityGroups[0]"),
        delete=None,
        echoed=fixed("ingress", "egress"),
        outputs={"arn": _ARN + "security-group/{id}"},
        after_create=_close,
        traits=Traits(replace_on=fixed("vpcId"), shared=True),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
}

__all__ = ["ROWS"]
