"""What is recorded, for how long, and who is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.config import Environment
from infra.policy.model import About, Place, Resource, Stack, resource_rule, stack_rule

_YEAR: Final = 365
_PRODUCTION: Final = frozenset({Environment.PRODUCTION})
_BOOTSTRAP: Final = frozenset({Environment.BOOTSTRAP})
_DOCDB_LOGS: Final = ("audit", "profiler")
_AUDITED: Final = ("cloudkms", "iam", "secretmanager", "storage", "sts")


@resource_rule(
    About(
        id="aws-log-retention",
        place=Place.AWS,
        reason="logs that never expire cost ever more, and keep what should be forgotten",
        remedy="set agent-exchange:aws.logRetentionDays",
        checkov=("CKV_AWS_66",),
    ),
    "aws:cloudwatch/logGroup:LogGroup",
)
def log_retention(resource: Resource, _: Stack) -> Iterator[str]:
    """Logs expire."""
    if not resource.properties.number("retentionInDays"):
        yield "the log group keeps everything for ever"


@resource_rule(
    About(
        id="aws-log-retention-year",
        place=Place.AWS,
        reason="what happened is often asked for only months later",
        remedy=f"set agent-exchange:aws.logRetentionDays to at least {_YEAR}",
        checkov=("CKV_AWS_338",),
        environments=_PRODUCTION,
    ),
    "aws:cloudwatch/logGroup:LogGroup",
)
def log_retention_year(resource: Resource, _: Stack) -> Iterator[str]:
    """Production's logs are kept for a year."""
    days = resource.properties.number("retentionInDays")
    if days and days < _YEAR:
        yield f"logs are kept for {days:g} days"


@resource_rule(
    About(
        id="aws-container-insights",
        place=Place.AWS,
        reason="without it nobody sees that tasks restart or run out of memory",
        remedy="set containerInsights to enabled or enhanced",
        checkov=("CKV_AWS_65",),
    ),
    "aws:ecs/cluster:Cluster",
)
def container_insights(resource: Resource, _: Stack) -> Iterator[str]:
    """The cluster measures its tasks."""
    settings = {each.text("name"): each.text("value") for each in resource.properties.parts("settings")}
    if settings.get("containerInsights") not in ("enabled", "enhanced"):
        yield "the cluster measures nothing"


@resource_rule(
    About(
        id="aws-shell-recorded",
        place=Place.AWS,
        reason="whoever opens a shell in a container can do what its code can",
        remedy="set executeCommandConfiguration to log (OVERRIDE) into an encrypted group, with a key",
        checkov=("CKV_AWS_223", "CKV_AWS_224"),
    ),
    "aws:ecs/cluster:Cluster",
)
def shell_recorded(resource: Resource, _: Stack) -> Iterator[str]:
    """What is typed in a shell is recorded and encrypted."""
    command = "configuration.executeCommandConfiguration"
    recorded = resource.properties.text(f"{command}.logging") == "OVERRIDE"
    encrypted = resource.properties.flag(f"{command}.logConfiguration.cloudWatchEncryptionEnabled") is True
    if not recorded or not encrypted or not resource.properties.has(f"{command}.kmsKeyId"):
        yield "shells in containers are not recorded, or not encrypted"


@resource_rule(
    About(
        id="aws-alb-logged",
        place=Place.AWS,
        reason="requests that never reach the gateway are seen nowhere else",
        remedy="set accessLogs.enabled to true with a bucket",
        checkov=("CKV_AWS_91",),
    ),
    "aws:lb/loadBalancer:LoadBalancer",
)
def alb_logged(resource: Resource, _: Stack) -> Iterator[str]:
    """The load balancer writes access logs."""
    if resource.properties.flag("accessLogs.enabled") is not True:
        yield "the load balancer writes no access logs"


@resource_rule(
    About(
        id="aws-docdb-logged",
        place=Place.AWS,
        reason="who logged in and what was slow is seen nowhere else",
        remedy="set enabledCloudwatchLogsExports to audit and profiler, and the parameters audit_logs and profiler",
        checkov=("CKV_AWS_85", "CKV_AWS_104"),
    ),
    "aws:docdb/cluster:Cluster",
    "aws:docdb/clusterParameterGroup:ClusterParameterGroup",
)
def docdb_logged(resource: Resource, _: Stack) -> Iterator[str]:
    """The database writes and exports its audit and profiler logs."""
    if resource.type.endswith(":Cluster"):
        missing = [log for log in _DOCDB_LOGS if log not in resource.properties.texts("enabledCloudwatchLogsExports")]
        if missing:
            yield f"the {' and '.join(missing)} log is not exported"
        return
    set_to = {each.text("name"): each.text("value") for each in resource.properties.parts("parameters")}
    for parameter in ("audit_logs", "profiler"):
        if set_to.get(parameter, "disabled") == "disabled":
            yield f"{parameter} is disabled"


@resource_rule(
    About(
        id="aws-alarm-acts",
        place=Place.AWS,
        reason="an alarm without an action rings for nobody",
        remedy="set actionsEnabled to true and alarmActions to the stack's topic",
        checkov=("CKV_AWS_319",),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
)
def alarm_acts(resource: Resource, _: Stack) -> Iterator[str]:
    """Alarms have actions, or are part of one that has."""
    if resource.properties.flag("actionsEnabled") is False:
        yield "the alarm's actions are off"


@resource_rule(
    About(
        id="aws-target-health",
        place=Place.AWS,
        reason="without a check of its own path, clients are sent to tasks that answer nothing",
        remedy="set healthCheck with a path",
        checkov=("CKV_AWS_261",),
    ),
    "aws:lb/targetGroup:TargetGroup",
)
def target_health(resource: Resource, _: Stack) -> Iterator[str]:
    """The load balancer checks its targets."""
    properties = resource.properties
    if properties.flag("healthCheck.enabled") is False or not properties.has("healthCheck.path"):
        yield "targets are not checked"


@resource_rule(
    About(
        id="gcp-backend-logged",
        place=Place.GCP,
        reason="requests that never reach the gateway are seen nowhere else",
        remedy="set logConfig.enable to true",
    ),
    "gcp:compute/backendService:BackendService",
)
def backend_logged(resource: Resource, _: Stack) -> Iterator[str]:
    """The load balancer writes access logs."""
    if resource.properties.flag("logConfig.enable") is not True:
        yield "the load balancer writes no access logs"


@resource_rule(
    About(
        id="gcp-alert-tells",
        place=Place.GCP,
        reason="an alert policy that is switched off rings for nobody",
        remedy="set enabled to true",
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy",
)
def alert_tells(resource: Resource, _: Stack) -> Iterator[str]:
    """Alert policies are on."""
    if resource.properties.flag("enabled") is False:
        yield "the alert policy is off"


@stack_rule(
    About(
        id="gcp-audit-logs",
        place=Place.GCP,
        reason="Google records who read secrets, keys and state only where it is told to",
        remedy=f"declare an IAMAuditConfig with all three kinds of log for {', '.join(_AUDITED)}, or for allServices",
        checkov=("CKV2_GCP_5",),
        environments=_BOOTSTRAP,
    ),
    "gcp:projects/iAMAuditConfig:IAMAuditConfig",
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
)
def audit_logs(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """A project whose pipelines bootstrap sets up audits what matters."""
    kinds: dict[str, set[str]] = {}
    for each in resources:
        if each.type.endswith(":IAMAuditConfig"):
            service = each.properties.text("service").partition(".")[0]
            logs = [part.text("logType") for part in each.properties.parts("auditLogConfigs")]
            kinds.setdefault(service, set()).update(logs)
    whole = {"ADMIN_READ", "DATA_READ", "DATA_WRITE"}
    everything = kinds.get("allServices") == whole
    missing = [service for service in _AUDITED if kinds.get(service) != whole]
    if resources and missing and not everything:
        yield None, f"{', '.join(missing)} are not audited"


RULES = (
    log_retention,
    log_retention_year,
    container_insights,
    shell_recorded,
    alb_logged,
    docdb_logged,
    alarm_acts,
    target_health,
    backend_logged,
    alert_tells,
    audit_logs,
)
