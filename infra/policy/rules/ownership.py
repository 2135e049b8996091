"""Whose a resource is: tags and labels, components, and the waivers themselves."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Final

from infra.components.tags import PROJECT
from infra.policy.model import About, Place, Resource, Stack, resource_rule, stack_rule
from infra.policy.waivers import LONGEST_WAIVER_DAYS, matches

_KEYS: Final = ("project", "stack", "environment", "managed-by")

TAGGED: Final = frozenset(
    f"aws:{token}"
    for token in (
        "acm/certificate:Certificate", "appautoscaling/target:Target", "budgets/budget:Budget",
        "cloudwatch/compositeAlarm:CompositeAlarm", "cloudwatch/logGroup:LogGroup",
        "cloudwatch/metricAlarm:MetricAlarm", "docdb/cluster:Cluster", "docdb/clusterInstance:ClusterInstance",
        "docdb/clusterParameterGroup:ClusterParameterGroup", "docdb/subnetGroup:SubnetGroup",
        "ec2/defaultSecurityGroup:DefaultSecurityGroup", "ec2/eip:Eip", "ec2/flowLog:FlowLog",
        "ec2/internetGateway:InternetGateway", "ec2/natGateway:NatGateway", "ec2/routeTable:RouteTable",
        "ec2/securityGroup:SecurityGroup", "ec2/subnet:Subnet", "ec2/vpc:Vpc", "ec2/vpcEndpoint:VpcEndpoint",
        "ecr/repository:Repository", "ecs/cluster:Cluster", "ecs/service:Service",
        "ecs/taskDefinition:TaskDefinition", "iam/openIdConnectProvider:OpenIdConnectProvider", "iam/policy:Policy",
        "iam/role:Role", "kms/key:Key", "lb/listener:Listener", "lb/listenerRule:ListenerRule",
        "lb/loadBalancer:LoadBalancer", "lb/targetGroup:TargetGroup", "s3/bucket:Bucket",
        "secretsmanager/secret:Secret", "servicediscovery/httpNamespace:HttpNamespace", "sns/topic:Topic",
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule", "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "wafv2/webAcl:WebAcl",
    )
)  # fmt: skip
"""Types of AWS that the platform uses and that take tags; a test compares with the SDK."""

LABELED: Final = {
    **dict.fromkeys(
        (
            "gcp:artifactregistry/repository:Repository", "gcp:cloudrunv2/job:Job", "gcp:cloudrunv2/service:Service",
            "gcp:compute/globalAddress:GlobalAddress", "gcp:compute/globalForwardingRule:GlobalForwardingRule",
            "gcp:compute/securityPolicy:SecurityPolicy",
            "gcp:dns/managedZone:ManagedZone", "gcp:kms/cryptoKey:CryptoKey", "gcp:secretmanager/secret:Secret",
            "gcp:storage/bucket:Bucket",
        ),
        "labels",
    ),
    **dict.fromkeys(
        (
            "gcp:monitoring/alertPolicy:AlertPolicy", "gcp:monitoring/customService:CustomService",
            "gcp:monitoring/notificationChannel:NotificationChannel", "gcp:monitoring/slo:Slo",
            "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig",
        ),
        "userLabels",
    ),
}  # fmt: skip
"""Types of Google Cloud that the platform uses and that take labels -> the property; a test compares with the SDK."""


@resource_rule(
    About(
        id="tags",
        place=Place.EVERY,
        reason="costs, searches and the last look after a teardown go by tags",
        remedy=f"set {', '.join(_KEYS)} (`tags` and `labels` of infra/components/tags.py do)",
    ),
    *TAGGED,
    *LABELED,
)
def tags(resource: Resource, _: Stack) -> Iterator[str]:
    """Everything that can be tagged says whose it is."""
    path = LABELED.get(resource.type, "tags")
    # What the engine's provider adds is in tagsAll; what counts is what the program says.
    missing = [key for key in _KEYS if not resource.properties.has(f"{path}.{key}")]
    if missing:
        yield f"tags are missing: {', '.join(missing)}"
    elif resource.properties.text(f"{path}.project") != PROJECT:
        yield f"the tag project is not {PROJECT}"


@resource_rule(
    About(
        id="component-parent",
        place=Place.EVERY,
        reason="what no component owns is in nobody's picture, and is not moved or removed with anything",
        remedy="give it ResourceOptions(parent=...) of the component that owns it",
    ),
)
def component_parent(resource: Resource, _: Stack) -> Iterator[str]:
    """Every resource of a provider has a component above it."""
    if resource.custom and not resource.type.startswith("pulumi:"):
        kind = resource.parent.split("::")[2] if resource.parent.count("::") > 2 else ""
        if kind in ("", "pulumi:pulumi:Stack"):
            yield "it has no component above it"


@stack_rule(
    About(
        id="waivers",
        place=Place.EVERY,
        reason="a waiver that nobody looks at again becomes the rule",
        remedy="do what the rule asks for and remove it from agent-exchange:policy.waivers, or give it a new day and "
        "a reason that still holds",
    ),
)
def waivers(resources: Sequence[Resource], stack: Stack) -> Iterator[tuple[Resource | None, str]]:
    """Waivers name a rule, end within a year, have not ended, and are about something."""
    from infra.policy.rules import IDS  # the list of all rules has this one in it

    today = stack.today
    for waiver in stack.waivers:
        named = f"the waiver of {waiver.rule} for {waiver.resource}"
        if waiver.rule not in IDS:
            yield None, f"{named} names no rule (docs/policy.md lists them)"
        elif waiver.until < today:
            yield None, f"{named} ended on {waiver.until}"
        elif waiver.until > today + datetime.timedelta(days=LONGEST_WAIVER_DAYS):
            yield None, f"{named} ends on {waiver.until}, more than {LONGEST_WAIVER_DAYS} days away"
        elif waiver.resource != "*" and not any(matches(waiver, resource) for resource in resources):
            yield None, f"{named} is about nothing in this stack"


RULES = (tags, component_parent, waivers)
