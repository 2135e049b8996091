"""What a change of config changes on AWS, on one live staging stack: a table written by hand for `test_aws_lifecycle`.

Changes that are each seen in resources of their own share a row, because each preview takes ten seconds.
"""

from __future__ import annotations

from typing import Any

from tests.engine.cloud import PREBUILT

SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
BYTES = "random:index/randomBytes:RandomBytes"
STATEFUL = frozenset(
    {
        "aws:docdb/cluster:Cluster",
        "aws:ec2/vpc:Vpc",
        "aws:ec2/subnet:Subnet",
        "aws:ecr/repository:Repository",
        "aws:kms/key:Key",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        BYTES,
    }
)
OTHER = "sha256:" + "1" * 64

Changes = dict[tuple[str, str, str], tuple[str, ...]]

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
_ENDPOINTS = (
    "ecr-api",
    "ecr-dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "kms",
    "logs",
    "secretsmanager",
    "ssmmessages",
    "xray",
)

TABLE: dict[str, tuple[dict[str, dict[str, Any]], Changes]] = {
    "image, size, scale and restart of one service each": (
        {
            "image": {"digests": {**PREBUILT["digests"], "aex-telemetry": OTHER}},
            "aws": {
                "sizes": {"aex-settlement": {"cpu": 512, "memory": 1024}},
                "scaling": {"aex-bid-gateway": {"minimum": 1, "maximum": 5}},
                "restart": {"aex-trust-broker": "again"},
            },
        },
        {
            # A revision cannot be changed: its replacement is another one, and the service moves on to it.
            ("replace", DEFINITION, "aex-telemetry"): ("containerDefinitions",),
            ("update", SERVICE, "aex-telemetry"): ("taskDefinition",),
            ("replace", DEFINITION, "aex-settlement"): ("containerDefinitions", "cpu", "memory"),
            ("update", SERVICE, "aex-settlement"): ("taskDefinition",),
            ("update", "aws:appautoscaling/target:Target", "aex-bid-gateway"): ("maxCapacity",),
            ("update", SERVICE, "aex-trust-broker"): ("triggers",),
        },
    ),
    "an address that alarms go to": (
        {"aws": {"alarms": {"emails": ["b@example.org"]}}},
        {("create", _SUBSCRIPTION, "b@example.org"): (), ("delete", _SUBSCRIPTION, "a@example.org"): ()},
    ),
    # Tasks that still run pin the version before, which stays in the secret (`retain_on_delete`).
    "a secret": (
        {"secrets": {"aex-jwt-secret": 2}},
        {
            ("create", BYTES, "aex-jwt-secret-3"): (),
            ("replace", "aws:secretsmanager/secretVersion:SecretVersion", "aex-jwt-secret"): ("secretString",),
            **{("replace", DEFINITION, name): ("containerDefinitions",) for name in ("aex-gateway", "aex-identity")},
            **{("update", SERVICE, name): ("taskDefinition",) for name in ("aex-gateway", "aex-identity")},
        },
    ),
    "a domain": (
        {"aws": {"domain": "aex.example.org"}},
        {
            ("create", "agent-exchange:aws:Certificate", "certificate"): (),
            ("create", "aws:acm/certificate:Certificate", "certificate"): (),
            ("create", "aws:acm/certificateValidation:CertificateValidation", "validated"): (),
            ("create", "aws:lb/listener:Listener", "https"): (),
            ("create", "aws:route53/record:Record", "domain"): (),
            ("create", "aws:route53/record:Record", "validation"): (),
            ("create", _RULE, "internet-443"): (),
            # Plain HTTP only redirects from now on; what is closed to the internet is closed on the new listener.
            ("update", "aws:lb/listener:Listener", "http"): ("defaultActions",),
            ("replace", "aws:lb/listenerRule:ListenerRule", "internal"): ("listenerArn",),
        },
    ),
    "a NAT gateway per zone, and a second instance of the database": (
        {"aws": {"network": {"nat": "per-az"}, "database": {"instances": 2}}},
        {
            ("create", "aws:docdb/clusterInstance:ClusterInstance", "instance-2"): (),
            ("create", "aws:ec2/eip:Eip", "nat-us-east-1b"): (),
            ("create", "aws:ec2/natGateway:NatGateway", "nat-us-east-1b"): (),
            ("update", "aws:ec2/route:Route", "private-us-east-1b-internet"): ("natGatewayId",),
            **{("create", _ALARM, name): () for name in ("aex-docdb-lag", "aex-nat-2-drops", "aex-nat-2-ports")},
            ("update", _DASHBOARD, "dashboard"): ("dashboardBody",),
            # Who pays for zones has private endpoints in each of them.
            **{("update", "aws:ec2/vpcEndpoint:VpcEndpoint", name): ("subnetIds",) for name in _ENDPOINTS},
        },
    ),
}

__all__ = ["DEFINITION", "OTHER", "SERVICE", "STATEFUL", "TABLE", "Changes"]
