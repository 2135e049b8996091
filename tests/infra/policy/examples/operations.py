"""Logs and alarms, availability, ownership."""

from infra.policy.model import Resource
from tests.infra.policy.building import ROOT, Example, made, stack, waiver

LOGS = "aws:cloudwatch/logGroup:LogGroup"
CLUSTER = "aws:ecs/cluster:Cluster"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
DOCDB = "aws:docdb/cluster:Cluster"
PARAMETERS = "aws:docdb/clusterParameterGroup:ClusterParameterGroup"
INSTANCE = "aws:docdb/clusterInstance:ClusterInstance"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TARGETS = "aws:lb/targetGroup:TargetGroup"
BACKEND = "gcp:compute/backendService:BackendService"
ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"
AUDIT = "gcp:projects/iAMAuditConfig:IAMAuditConfig"
SERVICE = "aws:ecs/service:Service"
SCALER = "aws:appautoscaling/target:Target"
SUBNETS = "aws:docdb/subnetGroup:SubnetGroup"
VPC = "aws:ec2/vpc:Vpc"
GOOGLE_BUCKET = "gcp:storage/bucket:Bucket"

POOL = made("gcp:iam/workloadIdentityPool:WorkloadIdentityPool")
DATABASE = made(DOCDB, "database")
ENABLED = [{"name": "audit_logs", "value": "enabled"}, {"name": "profiler", "value": "enabled"}]
TAGS = {"project": "agent-exchange", "stack": "staging", "environment": "staging", "managed-by": "pulumi"}
SHELLS = {
    "logging": "OVERRIDE",
    "kmsKeyId": "arn",
    "logConfiguration": {"cloudWatchEncryptionEnabled": True, "cloudWatchLogGroupName": "shell"},
}


def audit(service: str, *kinds: str) -> Resource:
    logs = [{"logType": kind} for kind in kinds or ("ADMIN_READ", "DATA_READ", "DATA_WRITE")]
    return made(AUDIT, service, service=service, auditLogConfigs=logs)


def shells(**changes: object) -> Resource:
    return made(CLUSTER, configuration={"executeCommandConfiguration": {**SHELLS, **changes}})


def instance(name: str, zone: str) -> Resource:
    return made(INSTANCE, name, refers={"clusterIdentifier": DATABASE}, availabilityZone=zone)


AUDITED = [audit(f"{name}.googleapis.com") for name in ("cloudkms", "iam", "secretmanager", "storage", "sts")]

EXAMPLES = (
    Example(
        "aws-log-retention",
        good=[made(LOGS, retentionInDays=7)],
        bad=[made(LOGS), made(LOGS, retentionInDays=0)],
    ),
    Example(
        "aws-log-retention-year",
        good=[made(LOGS, retentionInDays=365)],
        bad=[made(LOGS, retentionInDays=30)],
    ),
    Example("aws-log-retention-year", good=[made(LOGS, retentionInDays=30)], bad=[], within=stack("staging")),
    Example(
        "aws-container-insights",
        good=[made(CLUSTER, settings=[{"name": "containerInsights", "value": "enhanced"}])],
        bad=[made(CLUSTER), made(CLUSTER, settings=[{"name": "containerInsights", "value": "disabled"}])],
    ),
    Example(
        "aws-shell-recorded",
        good=[shells()],
        bad=[made(CLUSTER), shells(logging="NONE"), shells(kmsKeyId=""), shells(logConfiguration={})],
    ),
    Example(
        "aws-alb-logged",
        good=[made(BALANCER, accessLogs={"enabled": True, "bucket": "logs"})],
        bad=[made(BALANCER), made(BALANCER, accessLogs={"enabled": False, "bucket": "logs"})],
    ),
    Example(
        "aws-docdb-logged",
        good=[made(DOCDB, enabledCloudwatchLogsExports=["audit", "profiler"]), made(PARAMETERS, parameters=ENABLED)],
        bad=[
            made(DOCDB),
            made(DOCDB, enabledCloudwatchLogsExports=["audit"]),
            made(PARAMETERS, parameters=ENABLED[:1]),
            made(PARAMETERS, parameters=[*ENABLED[:1], {"name": "profiler", "value": "disabled"}]),
        ],
    ),
    Example(
        "aws-alarm-acts",
        good=[made(ALARM, actionsEnabled=True), made(ALARM)],
        bad=[made(ALARM, actionsEnabled=False)],
    ),
    Example(
        "aws-target-health",
        good=[made(TARGETS, healthCheck={"enabled": True, "path": "/health"})],
        bad=[made(TARGETS), made(TARGETS, healthCheck={"enabled": False, "path": "/health"})],
    ),
    Example(
        "gcp-backend-logged",
        good=[made(BACKEND, logConfig={"enable": True})],
        bad=[made(BACKEND), made(BACKEND, logConfig={"enable": False})],
    ),
    Example("gcp-alert-tells", good=[made(ALERT, enabled=True)], bad=[made(ALERT, enabled=False)]),
    Example(
        "gcp-audit-logs",
        good=[[POOL, *AUDITED], [POOL, audit("allServices")], []],
        bad=[POOL, [POOL, *AUDITED[1:]], [POOL, *AUDITED[:-1], audit("sts.googleapis.com", "ADMIN_READ")]],
        within=stack("bootstrap"),
    ),
    Example(
        "aws-two-tasks",
        good=[made(SERVICE, desiredCount=2), made(SCALER, minCapacity=2)],
        bad=[made(SERVICE, desiredCount=1), made(SCALER, minCapacity=1)],
    ),
    Example("aws-two-tasks", good=[made(SERVICE, desiredCount=1)], bad=[], within=stack("staging")),
    Example(
        "aws-two-zones",
        good=[
            made(SERVICE, networkConfiguration={"subnets": ["a", "b"]}),
            made(BALANCER, subnets=["a", "b"]),
            made(SUBNETS, subnetIds=["a", "b"]),
        ],
        bad=[
            made(SERVICE, networkConfiguration={"subnets": ["a"]}),
            made(SERVICE, networkConfiguration={"subnets": ["a", "b"]}, availabilityZoneRebalancing="DISABLED"),
            made(BALANCER, subnets=["a"]),
            made(SUBNETS),
        ],
    ),
    Example(
        "aws-docdb-two-instances",
        good=[[DATABASE, instance("one", "us-east-1a"), instance("two", "us-east-1b")]],
        bad=[DATABASE, [DATABASE, instance("one", "us-east-1a"), instance("two", "us-east-1a")]],
    ),
    Example(
        "tags",
        good=[
            made(VPC, tags=TAGS),
            made(GOOGLE_BUCKET, labels=TAGS),
            made(ALERT, userLabels=TAGS),
            made("aws:ec2/route:Route"),
        ],
        bad=[
            made(VPC),
            made(VPC, tags={**TAGS, "stack": ""}),
            made(VPC, tags={**TAGS, "project": "another"}),
            made(GOOGLE_BUCKET, userLabels=TAGS),
            made(ALERT, labels=TAGS),
        ],
    ),
    Example(
        "component-parent",
        good=[made(VPC), made("agent-exchange:aws:Platform", custom=False, parent=ROOT)],
        bad=[made(VPC, parent=ROOT), made(VPC, parent="")],
    ),
    Example("waivers", good=[made(VPC)], bad=[], within=stack()),
    Example("waivers", good=[made(VPC, "vpc")], bad=[], within=stack(waivers=[waiver("tags", "v*")])),
    Example("waivers", good=[made(VPC, "vpc")], bad=[], within=stack(waivers=[waiver("waivers")])),
    *(
        Example("waivers", good=[], bad=[made(VPC, "vpc")], within=stack(waivers=[wrong]))
        for wrong in (
            waiver("no-such-rule", "vpc"),
            waiver("tags", "another"),
            waiver("tags", "vpc", until="2026-11-24"),
            waiver("tags", "vpc", until="2028-01-01"),
        )
    ),
)
