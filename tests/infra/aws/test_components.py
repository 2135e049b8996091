"""Every component by itself under the strict mocks: it can be built alone, and declares exactly what it owns."""

import importlib
import inspect
import pkgutil
from collections import Counter

import pulumi
import pytest

import infra.aws
from infra.aws.platform import AwsPlatform
from tests.infra import arguments
from tests.infra.aws import parts

BUCKET = {
    "s3.Bucket": 1,
    "s3.BucketLifecycleConfiguration": 1,
    "s3.BucketOwnershipControls": 1,
    "s3.BucketPolicy": 1,
    "s3.BucketPublicAccessBlock": 1,
    "s3.BucketServerSideEncryptionConfiguration": 1,
}
STATE = {**BUCKET, "s3.BucketVersioning": 1, "kms.Key": 3, "kms.Alias": 3}  # production, staging, the bucket itself
PIPELINES = {
    "iam.OpenIdConnectProvider": 1,
    "iam.Policy": 6,  # the boundary, and five that deployments share
    "iam.Role": 5,  # two deploy, two compare, one previews
    "iam.RolePolicy": 5,
    "iam.RolePolicyAttachment": 10,  # the five, for staging and production
}
OBJECTIVE = {"cloudwatch.CompositeAlarm": 2, "cloudwatch.MetricAlarm": 4}  # two speeds, two windows each

OWNS = {
    "AccessLogs": BUCKET,
    "Atlas": {"ec2.VpcPeeringConnectionAccepter": 1, "ec2.Route": 2},
    "AwsBootstrap": {**STATE, **PIPELINES},
    "AwsService": {
        "cloudwatch.LogGroup": 1,
        "cloudwatch.MetricAlarm": 2,  # what a deployment is rolled back for
        "ecs.TaskDefinition": 1,
        "ecs.Service": 1,
    },
    "Budget": {"budgets.Budget": 1},
    "Certificate": {"acm.Certificate": 1, "acm.CertificateValidation": 1, "route53.Record": 1},
    "Cluster": {
        "ecs.Cluster": 1,
        "ecs.ClusterCapacityProviders": 1,
        "servicediscovery.HttpNamespace": 1,
        "cloudwatch.LogGroup": 2,  # Container Insights, operators' shells
    },
    "Dashboard": {"cloudwatch.Dashboard": 1},
    "Database": {
        "docdb.Cluster": 1,
        "docdb.ClusterInstance": 1,
        "docdb.ClusterParameterGroup": 1,
        "docdb.SubnetGroup": 1,
        "ec2.SecurityGroup": 1,
        "cloudwatch.LogGroup": 2,  # audit, profiler
    },
    "DatabaseUsers": {  # all but the gateway own collections
        "index.RandomPassword": 9,
        "secretsmanager.Secret": 9,
        "secretsmanager.SecretVersion": 9,
    },
    "Encryption": {"kms.Key": 1, "kms.Alias": 1},
    "Endpoints": {"ec2.SecurityGroup": 1, "ec2.VpcEndpoint": 11},  # S3 and ten by interface
    "Exports": {**BUCKET, "s3.BucketVersioning": 1},
    "Firewall": {
        "wafv2.WebAcl": 1,
        "wafv2.WebAclAssociation": 1,
        "wafv2.WebAclLoggingConfiguration": 1,
        "cloudwatch.LogGroup": 1,
        "cloudwatch.LogResourcePolicy": 1,
    },
    "Identity": {"iam.Role": 11, "iam.RolePolicy": 1},  # ten may do nothing, one starts tasks
    "Ingress": {**BUCKET, "lb.LoadBalancer": 1, "lb.Listener": 1, "lb.ListenerRule": 1, "lb.TargetGroup": 1},
    "Monitoring": {
        "cloudwatch.CompositeAlarm": 2,
        "cloudwatch.MetricAlarm": 14,  # one service 3, door 3, database 4 (one instance has no lag), objective 4
        "cloudwatch.Dashboard": 1,
        "cloudwatch.QueryDefinition": 5,
    },
    "Network": {
        "ec2.Vpc": 1,
        "ec2.DefaultSecurityGroup": 1,
        "ec2.Subnet": 6,
        "ec2.InternetGateway": 1,
        "ec2.Eip": 1,
        "ec2.NatGateway": 1,
        "ec2.RouteTable": 4,
        "ec2.RouteTableAssociation": 6,
        "ec2.Route": 3,
        "ec2.FlowLog": 1,
        "cloudwatch.LogGroup": 1,
        "iam.Role": 1,
        "iam.RolePolicy": 1,
    },
    "Notifications": {"sns.Topic": 1, "sns.TopicPolicy": 1, "sns.TopicSubscription": 1},
    "Objective": OBJECTIVE,
    "Operations": {"ecs.TaskDefinition": 1, "cloudwatch.LogGroup": 1, "iam.Role": 1, "iam.RolePolicy": 1},
    "Pipelines": PIPELINES,
    "Registry": {"ecr.Repository": 1, "ecr.LifecyclePolicy": 1},
    "Scaling": {"appautoscaling.Target": 1, "appautoscaling.Policy": 2},
    "Secrets": {  # ten signing keys and the operator's; values of the three shared ones are the stack's, not AWS's
        "index.RandomBytes": 11,
        "secretsmanager.Secret": 13,
        "secretsmanager.SecretVersion": 13,
    },
    "SecurityGroups": {  # ten services, the load balancer, one-off tasks
        "ec2.SecurityGroup": 12,
        "vpc.SecurityGroupEgressRule": 55,
        "vpc.SecurityGroupIngressRule": 44,
    },
    "StackSecret": {"secretsmanager.Secret": 1, "secretsmanager.SecretVersion": 1},
    "State": STATE,
}
"""By hand. Alone means: with one zone pair, one instance, one service where a component takes one."""


def short(token: str) -> str:
    """`aws:ec2/vpc:Vpc` -> `ec2.Vpc`."""
    _, module, name = token.split(":")
    return f"{module.partition('/')[0]}.{name}"


def test_no_component_is_left_out() -> None:
    found: set[type] = set()
    for module in pkgutil.iter_modules(infra.aws.__path__, "infra.aws."):
        for _, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(each, pulumi.ComponentResource) and each.__module__ == module.name:
                found.add(each)
    assert found - {AwsPlatform} == set(parts.PARTS)
    assert {part.__name__ for part in parts.PARTS} == set(OWNS)


@pytest.mark.parametrize("part", parts.PARTS, ids=lambda part: part.__name__)
def test_a_component_can_be_built_alone_and_declares_what_it_owns(part: type[pulumi.ComponentResource]) -> None:
    found = parts.own(part)
    assert Counter(short(each.type) for each in found) == OWNS[part.__name__]
    for each in found:
        described = arguments.resource_class(each.type)
        assert described is not None
        if each.type.startswith("aws:") and "tags" in each.inputs:
            assert each.inputs["tags"]["project"] == "agent-exchange", each.urn
