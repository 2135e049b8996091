"""Whether a deployment to AWS would work from here: who one is, what one may do, what is full, and what clashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, physical_name
from infra.config import Environment
from infra.config.aws import AwsSettings, Database, Nat
from infra.ops.clouds import checks
from infra.ops.clouds.answers import Json, inside, items, number, text
from infra.ops.clouds.aws_api import AwsApi, AwsRefusal
from infra.ops.clouds.cloud import Place
from infra.ops.clouds.side_by_side import at_once
from infra.ops.model import Finding, Verdict

BOUNDARY: Final = "aex-boundary"
"""The permissions boundary that bootstrap makes and every role carries (infra/aws/context.py)."""

ACTIONS: Final = (
    "ec2:CreateVpc",
    "ec2:CreateSecurityGroup",
    "ecs:CreateCluster",
    "ecs:CreateService",
    "ecs:RegisterTaskDefinition",
    "ecr:CreateRepository",
    "elasticloadbalancing:CreateLoadBalancer",
    "iam:CreateRole",
    "iam:PassRole",
    "kms:CreateKey",
    "logs:CreateLogGroup",
    "rds:CreateDBCluster",
    "secretsmanager:CreateSecret",
    "cloudwatch:PutMetricAlarm",
    "application-autoscaling:RegisterScalableTarget",
)
"""One for each kind of thing that a stack makes; whoever may do these was given a deployer's role."""

_TOOLS: Final = (
    checks.Tool(
        "aws",
        "shows logs and opens shells (`aexctl logs`, `exec`)",
        "Install the AWS CLI v2: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
        needed=False,
    ),
    checks.Tool(
        "session-manager-plugin",
        "carries the shells of `aexctl exec`",
        "Install it if you need shells: https://docs.aws.amazon.com/systems-manager/latest/userguide/"
        "session-manager-working-with-install-plugin.html",
        needed=False,
    ),
)
_ADDRESSES: Final = ("ec2", "L-0263D0A3", "Elastic IP addresses")
_NETWORKS: Final = ("vpc", "L-F678F1CE", "VPCs")
_CPUS: Final = ("fargate", "L-3032A538", "vCPUs of Fargate tasks on demand")
"""Service code, quota code and what is counted (Service Quotas)."""


def findings(place: Place, api: AwsApi) -> Iterator[Finding]:
    """All of it, the first obstacles first. Raises `Unreachable` without credentials: nothing can follow then."""
    yield from checks.tools(place, _TOOLS)
    yield from checks.backend(place)
    identity = api.call("sts", "get_caller_identity")
    yield Finding("login", Verdict.OK, f"account {text(identity, 'Account')}, as {text(identity, 'Arn')}")
    settings = place.settings.aws or AwsSettings()
    yield from _zones(api, settings)
    if place.settings.environment is not Environment.BOOTSTRAP:
        yield _boundary(api, text(identity, "Account"))
        yield _permissions(api, text(identity, "Arn"))
        yield from _quotas(place, api, settings)
        yield from _domain(api, settings)
        yield from _clashes(place, api, settings)


def _zones(api: AwsApi, settings: AwsSettings) -> Iterator[Finding]:
    found = api.call("ec2", "describe_availability_zones", Filters=[{"Name": "state", "Values": ["available"]}])
    zones = [text(zone, "ZoneName") for zone in items(found, "AvailabilityZones")]
    unknown = [zone for zone in settings.network.availability_zones if zone not in zones]
    if unknown or len(zones) < 2:
        what = f"{', '.join(unknown)} is not available" if unknown else f"has only {len(zones)} zones"
        remedy = "Set aws.network.availabilityZones to two of: " + ", ".join(zones)
        yield Finding("region", Verdict.FAILED, f"{api.region}: {what}", remedy)
    else:
        yield Finding("region", Verdict.OK, f"{api.region}, {len(zones)} zones")


def _boundary(api: AwsApi, account: str) -> Finding:
    partition = "aws-cn" if api.region.startswith("cn-") else "aws-us-gov" if "-gov-" in api.region else "aws"
    try:
        api.call("iam", "get_policy", PolicyArn=f"arn:{partition}:iam::{account}:policy/{BOUNDARY}")
    except AwsRefusal as error:
        if error.missing:
            remedy = 'Deploy the stack bootstrap once in this account: docs/aws.md, "Once per account".'
            return Finding("bootstrap", Verdict.FAILED, f"the account has no policy {BOUNDARY}", remedy)
        return Finding("bootstrap", Verdict.SKIPPED, error.what, error.remedy)
    return Finding("bootstrap", Verdict.OK, f"the account has the boundary {BOUNDARY}")


def _permissions(api: AwsApi, arn: str) -> Finding:
    if arn.endswith(":root"):
        remedy = "Use a role: bootstrap's deploy role, or one that may assume it."
        return Finding("permissions", Verdict.WARNING, "the root user may do everything", remedy)
    try:
        answer = api.call(
            "iam", "simulate_principal_policy", PolicySourceArn=_principal(api, arn), ActionNames=list(ACTIONS)
        )
    except AwsRefusal as error:
        return Finding("permissions", Verdict.SKIPPED, f"AWS does not let you ask: {error.what}", error.remedy)
    denied = [
        text(each, "EvalActionName")
        for each in items(answer, "EvaluationResults")
        if text(each, "EvalDecision") != "allowed"
    ]
    if denied:
        # Rules of a role often hold for some names or tags only, which a simulation without resources does not see.
        remedy = "Use bootstrap's deploy role; its rules name this stack's resources, which this check cannot see."
        verdict = Verdict.FAILED if len(denied) == len(ACTIONS) else Verdict.WARNING
        return Finding("permissions", verdict, f"denied without conditions: {', '.join(denied)}", remedy)
    return Finding("permissions", Verdict.OK, f"{len(ACTIONS)} of {len(ACTIONS)} actions that a deployment begins with")


def _principal(api: AwsApi, arn: str) -> str:
    """The role behind a session, in the form that IAM takes."""
    if ":assumed-role/" not in arn:
        return arn
    role = arn.split("/")[1]
    try:
        answer = api.call("iam", "get_role", RoleName=role)
    except AwsRefusal:
        return arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rpartition("/")[0]
    return text(inside(answer, "Role"), "Arn") or arn


def _quotas(place: Place, api: AwsApi, settings: AwsSettings) -> Iterator[Finding]:
    own = settings.database.kind is not Database.SHARED
    new = own and not place.known("aws:ec2/vpc:Vpc")
    if new:
        gateways = {Nat.NONE: 0, Nat.SINGLE: 1, Nat.PER_AZ: max(2, len(settings.network.availability_zones))}
        addresses = len(items(api.call("ec2", "describe_addresses"), "Addresses"))
        yield _quota(api, _ADDRESSES, used=addresses, more=gateways[settings.network.nat])
        networks = len(api.pages("ec2", "describe_vpcs", "Vpcs"))
        yield _quota(api, _NETWORKS, used=networks, more=1)
    if not place.known("aws:ecs/service:Service"):
        # While a deployment replaces tasks, twice as many run.
        units = [settings.sizes[name].cpu if name in settings.sizes else _cpu(name) for name in CATALOG.names]
        yield _quota(api, _CPUS, used=0, more=-(-sum(units) * settings.minimum_instances * 2 // 1024))


def _cpu(service: str) -> int:
    return CATALOG.service(service).size.aws_cpu


def _quota(api: AwsApi, quota: tuple[str, str, str], *, used: int, more: int) -> Finding:
    service, code, what = quota
    try:
        answer = api.call("service-quotas", "get_service_quota", ServiceCode=service, QuotaCode=code)
    except AwsRefusal as error:
        return Finding(f"quota: {what}", Verdict.SKIPPED, f"is not told here ({error.name})", "")
    limit = number(inside(answer, "Quota"), "Value")
    detail = f"{used} in use, {more} more needed, {limit} allowed"
    if used + more <= limit:
        return Finding(f"quota: {what}", Verdict.OK, detail)
    ask = f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code}"
    return Finding(
        f"quota: {what}", Verdict.FAILED, detail, f"`{ask} --desired-value {used + more} --region {api.region}`"
    )


def _domain(api: AwsApi, settings: AwsSettings) -> Iterator[Finding]:
    if settings.domain is None or settings.certificate_arn is not None:
        return
    zone = settings.zone or settings.domain.partition(".")[2]
    found = api.call("route53", "list_hosted_zones_by_name", DNSName=zone)
    if any(text(each, "Name").rstrip(".") == zone for each in items(found, "HostedZones")):
        yield Finding("domain", Verdict.OK, f"zone {zone} holds {settings.domain}")
    else:
        remedy = "Make the zone, set aws.zone to the one that holds the domain, or set aws.certificateArn."
        yield Finding("domain", Verdict.FAILED, f"Route 53 has no zone {zone} for {settings.domain}", remedy)


def _clashes(place: Place, api: AwsApi, settings: AwsSettings) -> Iterator[Finding]:
    """Things with the stack's names that the stack does not own: a deployment would fail on each."""
    questions: list[Callable[[], list[str]]] = [
        lambda: _repositories(place, api),
        lambda: _secrets(place, api),
        lambda: _log_groups(place, api),
        lambda: _singles(place, api, settings),
    ]
    found = [name for names in at_once(lambda ask: ask(), questions) for name in names]
    if not found:
        yield Finding("clashes", Verdict.OK, f"nothing else has a name of stack {place.stack}")
    for name in found:
        yield Finding(
            "clash",
            Verdict.FAILED,
            f"{name} exists, and the stack does not own it",
            "Delete it, or take it over: docs/from-the-scripts.md (`pulumi import`).",
        )


def _repositories(place: Place, api: AwsApi) -> list[str]:
    own = place.known("aws:ecr/repository:Repository")
    wanted = {physical_name(f"agent-exchange/{name}", place.stack, Kind.ECR_REPOSITORY) for name in CATALOG.names} - own
    found = api.pages("ecr", "describe_repositories", "repositories")
    names = {text(each, "repositoryName") for each in found}
    return [f"ECR repository {name}" for name in sorted(wanted & names)]


def _secrets(place: Place, api: AwsApi) -> list[str]:
    own = {arn.rpartition(":")[2].rpartition("-")[0] for arn in place.known("aws:secretsmanager/secret:Secret")}
    wanted = {physical_name(secret.name, place.stack, Kind.AWS_SECRET) for secret in CATALOG.secrets} - own
    found = api.pages("secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True)
    return [
        f"secret {text(each, 'Name')}" + (", which waits for its deletion," if each.get("DeletedDate") else "")
        for each in found
        if text(each, "Name") in wanted
    ]


def _log_groups(place: Place, api: AwsApi) -> list[str]:
    own = place.known("aws:cloudwatch/logGroup:LogGroup")
    wanted = {physical_name(f"/ecs/agent-exchange/{name}", place.stack, Kind.LOG_GROUP) for name in CATALOG.names} - own
    found = api.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix="/ecs/agent-exchange/")
    return [f"log group {name}" for name in sorted({text(each, "logGroupName") for each in found} & wanted)]


def _singles(place: Place, api: AwsApi, settings: AwsSettings) -> list[str]:
    found: list[str] = []
    cluster = physical_name("aex-cluster", place.stack, Kind.ECS)
    if not place.known("aws:ecs/cluster:Cluster"):
        described: Json = api.call("ecs", "describe_clusters", clusters=[cluster])
        found += [f"cluster {cluster}" for each in items(described, "clusters") if text(each, "status") == "ACTIVE"]
    balancer = physical_name("aex-alb", place.stack, Kind.LOAD_BALANCER)
    if not place.known("aws:lb/loadBalancer:LoadBalancer"):
        names = [
            text(each, "LoadBalancerName") for each in api.pages("elbv2", "describe_load_balancers", "LoadBalancers")
        ]
        found += [f"load balancer {balancer}"] if balancer in names else []
    database = physical_name(settings.database.cluster, place.stack, Kind.DOCDB)
    if not place.known("aws:docdb/cluster:Cluster"):
        names = [text(each, "DBClusterIdentifier") for each in api.pages("docdb", "describe_db_clusters", "DBClusters")]
        found += [f"DocumentDB cluster {database}"] if database in names else []
    return found


__all__ = ["ACTIONS", "BOUNDARY", "findings"]
