"""What AWS refuses and moto allows: things go only when nothing in the account uses them, and come only when they can.

Each function asks moto what exists and raises an error with AWS's code and words. They stand between the engine and
moto, so that a deletion in the wrong order is an error here as it is (or as it hangs) on AWS. AWS's own network
interfaces (of load balancers, tasks and databases), which are what deletions of subnets and groups wait for, are made
here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moto.core.exceptions import ServiceException
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator

from infra.components.protocol import ProviderError
from tests.engine.standins.aws.kind import AwsKind, Facts


def refused(kind: AwsKind, code: str, text: str) -> ProviderError:
    """The error as AWS words it."""
    return ProviderError(f"{kind.token}: An error occurred ({code}): {text}")


def filters(**wanted: str) -> list[dict[str, Any]]:
    """EC2's filters; underscores are hyphens."""
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in wanted.items()]


# Network interfaces that AWS makes for its own.


def plug_in(kind: AwsKind, owner: str, subnets: Sequence[str], groups: Sequence[str]) -> None:
    """A network interface in each of the subnets, as the load balancer, task or database `owner` has."""
    for subnet in subnets:
        kind.call("create_network_interface", "ec2", SubnetId=subnet, Groups=list(groups), Description=owner)


def unplug(kind: AwsKind, owner: str) -> None:
    """The interfaces of `owner` go."""
    found = kind.call("describe_network_interfaces", "ec2", Filters=filters(description=owner))
    for each in found["NetworkInterfaces"]:
        kind.call("delete_network_interface", "ec2", NetworkInterfaceId=each["NetworkInterfaceId"])


def _interfaces(kind: AwsKind, **wanted: str) -> list[str]:
    found = kind.call("describe_network_interfaces", "ec2", Filters=filters(**wanted))["NetworkInterfaces"]
    return [f"{each['NetworkInterfaceId']} ({each.get('Description', '')})" for each in found]


# EC2.


def vpc_is_empty(kind: AwsKind, facts: Facts) -> None:
    """Nothing but what AWS made with it: the main route table, the default group."""
    id, ec2 = facts["id"], kind.client("ec2")
    groups = ec2.describe_security_groups(Filters=filters(vpc_id=id))["SecurityGroups"]
    endpoints = ec2.describe_vpc_endpoints(Filters=filters(vpc_id=id))["VpcEndpoints"]
    gateways = ec2.describe_internet_gateways()["InternetGateways"]
    left = [each["GroupId"] for each in groups if each["GroupName"] != "default"]
    left += [each["VpcEndpointId"] for each in endpoints if each["State"].lower() != "deleted"]
    left += [each["InternetGatewayId"] for each in gateways if any(a["VpcId"] == id for a in each["Attachments"])]
    if left:
        raise refused(kind, "DependencyViolation", f"The vpc {id!r} has dependencies and cannot be deleted: {left}")


def subnet_is_unused(kind: AwsKind, facts: Facts) -> None:
    """No network interface in it, of whatever."""
    if found := _interfaces(kind, subnet_id=facts["id"]):
        raise refused(
            kind, "DependencyViolation", f"The subnet {facts['id']!r} has dependencies and cannot be deleted: {found}"
        )


def gateway_is_unused(kind: AwsKind, facts: Facts) -> None:
    """No public address in the VPC; then the gateway is detached."""
    vpc, ec2 = facts["vpcId"], kind.client("ec2")
    found = ec2.describe_nat_gateways(Filters=filters(vpc_id=vpc))["NatGateways"]
    nats = [each["NatGatewayId"] for each in found if each["State"] != "deleted"]
    balancers = [
        each["LoadBalancerName"]
        for each in kind.client("elbv2").describe_load_balancers()["LoadBalancers"]
        if each["VpcId"] == vpc and each["Scheme"] == "internet-facing"
    ]
    if nats or balancers:
        raise refused(
            kind,
            "DependencyViolation",
            f"Network {vpc} has some mapped public address(es) ({nats + balancers}). Please unmap those before "
            "detaching the gateway",
        )
    ec2.detach_internet_gateway(InternetGatewayId=facts["id"], VpcId=vpc)


def address_is_unused(kind: AwsKind, facts: Facts) -> None:
    """No NAT gateway has it."""
    for each in kind.client("ec2").describe_nat_gateways()["NatGateways"]:
        addresses = [address.get("AllocationId") for address in each["NatGatewayAddresses"]]
        if each["State"] != "deleted" and facts["id"] in addresses:
            raise refused(kind, "InvalidIPAddress.InUse", f"{facts['id']} is in use by {each['NatGatewayId']}")


def table_is_unused(kind: AwsKind, facts: Facts) -> None:
    """No subnet is associated with it."""
    (table,) = kind.client("ec2").describe_route_tables(RouteTableIds=[facts["id"]])["RouteTables"]
    used = [each["SubnetId"] for each in table["Associations"] if not each.get("Main") and "SubnetId" in each]
    if used:
        raise refused(kind, "DependencyViolation", f"The routeTable {facts['id']!r} has dependencies: {used}")


def group_is_unused(kind: AwsKind, facts: Facts) -> None:
    """No interface has it and no other group's rule names it; its own rules go first if the program says so."""
    id, ec2 = facts["id"], kind.client("ec2")
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    used = _interfaces(kind, group_id=id)
    used += [
        f"{each['SecurityGroupRuleId']} of {each['GroupId']}"
        for each in rules
        if each.get("ReferencedGroupInfo", {}).get("GroupId") == id and each["GroupId"] != id
    ]
    used += [
        each["VpcEndpointId"]
        for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]
        if each["State"].lower() != "deleted" and id in [group["GroupId"] for group in each.get("Groups", [])]
    ]
    if used:
        raise refused(kind, "DependencyViolation", f"resource {id} has a dependent object: {used}")
    if facts.get("revokeRulesOnDelete"):
        clear_rules(kind, id)


def clear_rules(kind: AwsKind, group: str) -> None:
    """Take every rule out of a group."""
    ec2 = kind.client("ec2")
    for each in ec2.describe_security_group_rules(Filters=filters(group_id=group))["SecurityGroupRules"]:
        way = "egress" if each["IsEgress"] else "ingress"
        getattr(ec2, f"revoke_security_group_{way}")(GroupId=group, SecurityGroupRuleIds=[each["SecurityGroupRuleId"]])


# The other services.


def role_is_possible(kind: AwsKind, facts: Facts) -> None:
    """Its trust policy is one, and its permissions boundary has been made before (by stack `bootstrap`)."""
    try:
        IAMTrustPolicyDocumentValidator(str(facts["assumeRolePolicy"])).validate()
    except ServiceException as error:
        raise refused(kind, error.code, error.message) from error
    boundary = facts.get("permissionsBoundary")
    known = [each["Arn"] for each in kind.client("iam").list_policies(Scope="Local")["Policies"]]
    if boundary and boundary not in known:
        raise refused(kind, "NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable")


def policy_is_detached(kind: AwsKind, facts: Facts) -> None:
    """No role has it."""
    found = kind.client("iam").list_entities_for_policy(PolicyArn=facts["id"])
    if names := [each["RoleName"] for each in found["PolicyRoles"]]:
        raise refused(kind, "DeleteConflict", f"Cannot delete a policy attached to entities: {names}")


def cluster_is_empty(kind: AwsKind, facts: Facts) -> None:
    """No service is active in it."""
    ecs, cluster = kind.client("ecs"), facts["id"]
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    found = ecs.describe_services(cluster=cluster, services=arns)["services"] if arns else []
    if active := [each["serviceName"] for each in found if each["status"] == "ACTIVE"]:
        raise refused(
            kind,
            "ClusterContainsServicesException",
            f"The Cluster cannot be deleted while Services are active: {active}",
        )


def target_groups_are_reached(kind: AwsKind, facts: Facts) -> None:
    """ECS takes a target group only once a listener of a load balancer forwards to it."""
    for each in facts.get("loadBalancers") or []:
        arn = each["targetGroupArn"]
        (group,) = kind.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        if not group.get("LoadBalancerArns"):
            raise refused(
                kind,
                "InvalidParameterException",
                f"The target group with targetGroupArn {arn} does not have an associated load balancer.",
            )


def balancer_may_go(kind: AwsKind, facts: Facts) -> None:
    """Deletion protection is off; then its interfaces go."""
    found = kind.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=facts["id"])["Attributes"]
    if {"Key": "deletion_protection.enabled", "Value": "true"} in found:
        raise refused(
            kind,
            "OperationNotPermitted",
            f"Load balancer '{facts['id']}' cannot be deleted because deletion protection is enabled",
        )
    unplug(kind, facts["id"])


def certificate_is_unused(kind: AwsKind, facts: Facts) -> None:
    """No listener presents it."""
    elb = kind.client("elbv2")
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        for each in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            if facts["id"] in [found["CertificateArn"] for found in each.get("Certificates", [])]:
                raise refused(kind, "ResourceInUseException", f"Certificate is in use by {each['ListenerArn']}")


__all__ = [
    "address_is_unused",
    "balancer_may_go",
    "certificate_is_unused",
    "clear_rules",
    "cluster_is_empty",
    "filters",
    "gateway_is_unused",
    "group_is_unused",
    "plug_in",
    "policy_is_detached",
    "refused",
    "role_is_possible",
    "subnet_is_unused",
    "table_is_unused",
    "target_groups_are_reached",
    "unplug",
    "vpc_is_empty",
]
