"""What an account has that a fresh one has not: empty after a destroy that leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jmespath

from tests.engine.standins.aws.account import ACCOUNT, Account

# Service, operation, where the ids are in the answer. What AWS keeps for a while by itself is not counted: keys in
# waiting, revisions of task definitions that are inactive, deleted NAT gateways and endpoints, automated snapshots.
_LISTS = (
    ("acm", "list_certificates", "CertificateSummaryList[].CertificateArn"),
    ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmArn"),
    ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("docdb", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups[].DBClusterParameterGroupName"),
    (
        "docdb",
        "describe_db_cluster_snapshots",
        "DBClusterSnapshots[?SnapshotType!='automated'].DBClusterSnapshotIdentifier",
    ),
    ("docdb", "describe_db_clusters", "DBClusters[].DBClusterIdentifier"),
    ("docdb", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    ("docdb", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName"),
    ("ec2", "describe_addresses", "Addresses[].AllocationId"),
    ("ec2", "describe_flow_logs", "FlowLogs[].FlowLogId"),
    ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces[].NetworkInterfaceId"),
    ("ec2", "describe_route_tables", "RouteTables[].RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    ("ec2", "describe_subnets", "Subnets[].SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("ecs", "list_task_definitions", "taskDefinitionArns"),
    ("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerArn"),
    ("elbv2", "describe_target_groups", "TargetGroups[].TargetGroupArn"),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList[].Arn"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("kms", "list_aliases", "Aliases[].AliasName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("logs", "describe_resource_policies", "resourcePolicies[].policyName"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("secretsmanager", "list_secrets", "SecretList[].Name"),
    ("servicediscovery", "list_namespaces", "Namespaces[].Name"),
    ("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn"),
    ("sns", "list_topics", "Topics[].TopicArn"),
)


def left_behind(account: Account) -> list[str]:
    """What there is beyond `account.baseline`, as `service: id`, sorted."""
    return sorted(set(everything(account)) - account.baseline)


def everything(account: Account) -> Iterator[str]:
    """All that can be listed."""
    with account.lock:
        for service, operation, path in _LISTS:
            client = account.client(service)
            for id in _all(client, operation, path):
                yield f"{service}: {id}"
        for lister in _SPECIAL:
            yield from lister(account)


def _all(client: Any, operation: str, path: str) -> Iterable[str]:
    if client.can_paginate(operation):
        return [id for page in client.get_paginator(operation).paginate() for id in (jmespath.search(path, page) or [])]
    return jmespath.search(path, getattr(client, operation)()) or []


def _clusters(account: Account) -> Iterator[str]:
    ecs = account.client("ecs")
    arns = ecs.list_clusters()["clusterArns"]
    for cluster in ecs.describe_clusters(clusters=arns)["clusters"] if arns else []:
        if cluster["status"] == "ACTIVE":
            yield f"ecs: {cluster['clusterArn']}"
            services = ecs.list_services(cluster=cluster["clusterArn"])["serviceArns"]
            yield from (f"ecs: {arn}" for arn in services)


def _keys(account: Account) -> Iterator[str]:
    kms = account.client("kms")
    for key in kms.list_keys()["Keys"]:
        found = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        # moto makes AWS's own keys (`aws/rds`) on demand, as if a customer had.
        if found["KeyState"] != "PendingDeletion" and not found["Description"].startswith("Default key"):
            yield f"kms: {found['Arn']}"


def _policies(account: Account) -> Iterator[str]:
    for policy in account.client("iam").list_policies(Scope="Local")["Policies"]:
        yield f"iam: {policy['Arn']}"


def _scaling(account: Account) -> Iterator[str]:
    scaling = account.client("application-autoscaling")
    for target in scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
        yield f"application-autoscaling: {target['ResourceId']}"
    for policy in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]:
        yield f"application-autoscaling: {policy['PolicyName']}"


def _firewalls(account: Account) -> Iterator[str]:
    for acl in account.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]:
        yield f"wafv2: {acl['ARN']}"


def _records(account: Account) -> Iterator[str]:
    route53 = account.client("route53")
    for zone in route53.list_hosted_zones()["HostedZones"]:
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            yield f"route53: {record['Name']} {record['Type']}"


def _budgets(account: Account) -> Iterator[str]:
    for budget in account.client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", []):
        yield f"budgets: {budget['BudgetName']}"


_SPECIAL: tuple[Callable[[Account], Iterator[str]], ...] = (
    _budgets,
    _clusters,
    _firewalls,
    _keys,
    _policies,
    _records,
    _scaling,
)

__all__ = ["everything", "left_behind"]
