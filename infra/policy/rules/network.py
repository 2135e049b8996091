"""Networks: what is recorded about them, what their defaults would leave open, and firewalls before the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.config import Environment
from infra.policy.model import About, Place, Resource, Severity, Stack, resource_rule, stack_rule

_PRODUCTION: Final = frozenset({Environment.PRODUCTION})
_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_BALANCER: Final = "aws:lb/loadBalancer:LoadBalancer"


@stack_rule(
    About(
        id="aws-vpc-flow-logs",
        place=Place.AWS,
        reason="after an incident nothing else tells who talked to whom",
        remedy="declare a FlowLog of all traffic for the VPC",
        checkov=("CKV2_AWS_11",),
    ),
    "aws:ec2/vpc:Vpc",
    "aws:ec2/flowLog:FlowLog",
)
def vpc_flow_logs(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """Every VPC records its traffic."""
    for vpc in (each for each in resources if each.type.endswith(":Vpc")):
        logs = [each for each in resources if each.refers_to(vpc, "vpcId")]
        if not any(each.properties.text("trafficType") == "ALL" for each in logs):
            yield vpc, "the traffic of the VPC is not recorded"


@stack_rule(
    About(
        id="aws-default-group",
        place=Place.AWS,
        reason="what names no security group gets the default one, in which everything may talk to everything",
        remedy="declare a DefaultSecurityGroup without rules for the VPC",
        checkov=("CKV2_AWS_12",),
    ),
    "aws:ec2/vpc:Vpc",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)
def default_group(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """The default security group of every VPC is closed."""
    for vpc in (each for each in resources if each.type.endswith(":Vpc")):
        groups = [each for each in resources if each.refers_to(vpc, "vpcId")]
        closed = [
            each for each in groups if not each.properties.count("ingress") and not each.properties.count("egress")
        ]
        if not closed:
            yield vpc, "the VPC's default security group is open"


@stack_rule(
    About(
        id="aws-group-used",
        place=Place.AWS,
        reason="a group that nothing uses is an opening that somebody will use by mistake",
        remedy="use the security group, or remove it",
        checkov=("CKV2_AWS_5",),
        severity=Severity.ADVISORY,
    ),
)
def group_used(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """Security groups are on something. One-off tasks name theirs when they are started."""
    groups = [each for each in resources if each.type == _GROUP]
    rules = ("aws:vpc/securityGroup", _GROUP)
    users = [each for each in resources if each.custom and not each.type.startswith(rules)]
    for group in groups:
        if not any(user.refers_to(group) for user in users):
            yield group, "nothing uses the security group"


@stack_rule(
    About(
        id="aws-alb-firewall",
        place=Place.AWS,
        reason="the gateway is open to everybody, and everybody scans it",
        remedy="set agent-exchange:aws.firewall to block (or to count, to try it)",
        checkov=("CKV2_AWS_28",),
        environments=_PRODUCTION,
    ),
    _BALANCER,
    "aws:wafv2/webAclAssociation:WebAclAssociation",
)
def alb_firewall(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """A load balancer that faces the internet has a firewall."""
    for balancer in (each for each in resources if each.type == _BALANCER):
        outside = balancer.properties.flag("internal") is not True
        if outside and not any(each.refers_to(balancer, "resourceArn") for each in resources):
            yield balancer, "no firewall is in front of the load balancer"


@resource_rule(
    About(
        id="aws-firewall-log4j",
        place=Place.AWS,
        reason="known bad inputs (Log4j and its like) need no code of ours to do harm",
        remedy="add the managed group AWSManagedRulesKnownBadInputsRuleSet to the web ACL",
        checkov=("CKV_AWS_192", "CKV2_AWS_76"),
    ),
    "aws:wafv2/webAcl:WebAcl",
)
def firewall_log4j(resource: Resource, _: Stack) -> Iterator[str]:
    """The firewall knows Log4j."""
    groups = [rule.text("statement.managedRuleGroupStatement.name") for rule in resource.properties.parts("rules")]
    if "AWSManagedRulesKnownBadInputsRuleSet" not in groups:
        yield "known bad inputs pass the firewall"


@stack_rule(
    About(
        id="aws-firewall-logged",
        place=Place.AWS,
        reason="without a log nobody can tell an attack from a false alarm",
        remedy="declare a WebAclLoggingConfiguration for the web ACL",
        checkov=("CKV2_AWS_31",),
    ),
    "aws:wafv2/webAcl:WebAcl",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
)
def firewall_logged(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """The firewall writes down what it does."""
    for acl in (each for each in resources if each.type.endswith(":WebAcl")):
        if not any(each.refers_to(acl, "resourceArn") for each in resources):
            yield acl, "what the firewall does is not written down"


@resource_rule(
    About(
        id="gcp-subnet-logged",
        place=Place.GCP,
        reason="after an incident nothing else tells who talked to whom",
        remedy="set logConfig",
        checkov=("CKV_GCP_26",),
    ),
    "gcp:compute/subnetwork:Subnetwork",
)
def subnet_logged(resource: Resource, _: Stack) -> Iterator[str]:
    """Every subnet records its traffic."""
    if not resource.properties.has("logConfig"):
        yield "the traffic of the subnet is not recorded"


@resource_rule(
    About(
        id="gcp-subnet-private-google",
        place=Place.GCP,
        reason="without it, calls to Google's services need a way to the internet",
        remedy="set privateIpGoogleAccess to true",
        checkov=("CKV_GCP_74",),
    ),
    "gcp:compute/subnetwork:Subnetwork",
)
def subnet_private_google(resource: Resource, _: Stack) -> Iterator[str]:
    """Google's services are reached privately."""
    if resource.properties.flag("privateIpGoogleAccess") is not True:
        yield "Google's services are reached over the internet"


@resource_rule(
    About(
        id="gcp-network-own",
        place=Place.GCP,
        reason="automatic networks come with subnets everywhere and with rules that let all of them talk",
        remedy="set autoCreateSubnetworks to false, and give the network a name other than default",
        checkov=("CKV2_GCP_18",),
    ),
    "gcp:compute/network:Network",
)
def network_own(resource: Resource, _: Stack) -> Iterator[str]:
    """No automatic and no default network."""
    if resource.properties.flag("autoCreateSubnetworks") is not False or resource.properties.text("name") == "default":
        yield "the network is an automatic one"


@resource_rule(
    About(
        id="gcp-armor-log4j",
        place=Place.GCP,
        reason="known bad inputs (Log4j and its like) need no code of ours to do harm",
        remedy="add a rule with evaluatePreconfiguredWaf('cve-canary')",
        checkov=("CKV_GCP_73",),
    ),
    "gcp:compute/securityPolicy:SecurityPolicy",
)
def armor_log4j(resource: Resource, _: Stack) -> Iterator[str]:
    """Cloud Armor knows Log4j."""
    expressions = [rule.text("match.expr.expression") for rule in resource.properties.parts("rules")]
    if not any("cve-canary" in each for each in expressions):
        yield "known bad inputs pass Cloud Armor"


@resource_rule(
    About(
        id="gcp-backend-armor",
        place=Place.GCP,
        reason="the gateway is open to everybody, and everybody scans it",
        remedy="set agent-exchange:gcp.armor to block (or to preview, to try it)",
        environments=_PRODUCTION,
    ),
    "gcp:compute/backendService:BackendService",
)
def backend_armor(resource: Resource, _: Stack) -> Iterator[str]:
    """A load balancer has Cloud Armor in front."""
    if not resource.properties.has("securityPolicy"):
        yield "no Cloud Armor is in front of the load balancer"


RULES = (
    vpc_flow_logs,
    default_group,
    group_used,
    alb_firewall,
    firewall_log4j,
    firewall_logged,
    subnet_logged,
    subnet_private_google,
    network_own,
    armor_log4j,
    backend_armor,
)
