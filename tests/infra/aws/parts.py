"""Every component of AWS by itself, with valid arguments: what other components would hand to it is made up."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pulumi

from infra.aws import (
    access_logs,
    atlas,
    bootstrap,
    budget,
    certificate,
    cluster,
    dashboard,
    database,
    database_users,
    encryption,
    endpoints,
    exports,
    firewall,
    github,
    identity,
    ingress,
    monitoring,
    network,
    notifications,
    operations,
    registry,
    scaling,
    secrets,
    security_groups,
    service,
    slo,
    state,
)
from infra.aws.alarms import Door
from infra.aws.context import Context
from infra.components.catalog import CATALOG
from infra.config.aws import AwsBudget
from infra.config.general import GithubSettings
from tests.infra.aws import stacks
from tests.infra.aws.stacks import ACCOUNT, REGION
from tests.infra.mocks import Resource, Run, declared

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-1"
ZONES = [f"{REGION}a", f"{REGION}b"]
DOOR = Door(balancer="app/alb/1", target_group="targetgroup/gateway/1")
ATLAS = {"kind": "atlas", "atlasCidr": "192.168.248.0/21", "atlasPeering": "pcx-0123456789abcdef0"}
GATEWAY, IDENTITY = CATALOG.service("aex-gateway"), CATALOG.service("aex-identity")
GITHUB = GithubSettings.model_validate(stacks.GITHUB)
RANGE = service.Tasks(minimum=1, maximum=10, fixed=False)


def context(stack: str = "staging", aws: Mapping[str, Any] | None = None, **more: Any) -> Context:
    """The context of a stack, without asking AWS."""
    settings = stacks.settings_of(stack, aws, **more)
    assert settings.aws is not None
    return Context(settings=settings, aws=settings.aws, region=REGION, account=ACCOUNT)


def place(**changed: Any) -> network.Place:
    """A network of somebody's."""
    names = {kind: [f"subnet-{kind}-{zone}" for zone in "ab"] for kind in ("public", "private", "data")}
    given = {f"{kind}_subnets": subnets for kind, subnets in names.items()}
    return network.Place(**{"vpc_id": "vpc-1", "zones": ZONES, **given, **changed})


def surroundings(**changed: Any) -> security_groups.Surroundings:
    given = {"vpc_id": "vpc-1", "s3_prefix_list": "pl-1", "endpoints": "sg-1", "database": "sg-2", "atlas_cidr": None}
    return security_groups.Surroundings(**{**given, "clients": (80,), **changed})


def service_args(**changed: Any) -> service.AwsServiceArgs:
    given: dict[str, Any] = {
        "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/aex@{stacks.DIGEST}",
        "cpu": 256,
        "memory_mb": 512,
        "tasks": RANGE,
        "environment": {"PORT": "8087"},
        "secrets": {"JWT_SECRET": f"{SECRET}:::1"},
        "execution_role": "arn:aws:iam::1:role/execution",
        "task_role": "arn:aws:iam::1:role/task",
        "security_group": "sg-1",
        "subnets": ["subnet-1", "subnet-2"],
        "cluster": "arn:aws:ecs:us-east-1:1:cluster/aex",
        "namespace": "arn:aws:servicediscovery:us-east-1:1:namespace/1",
        "key": KEY,
        "topic": TOPIC,
    }
    return service.AwsServiceArgs(**{**given, **changed})


def operations_args(**changed: Any) -> operations.OperationsArgs:
    given: dict[str, Any] = {
        "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/aex@{stacks.DIGEST}",
        "key": KEY,
        "execution_role": "arn:aws:iam::1:role/execution",
        "security_group": "sg-1",
        "place": place(),
        "environment": {"ENVIRONMENT": "staging"},
        "references": {},
        "secrets": [SECRET],
        "after": [],
        "users": True,
    }
    return operations.OperationsArgs(**{**given, **changed})


def ingress_args(**changed: Any) -> ingress.IngressArgs:
    given = {"service": GATEWAY, "place": place(), "security_group": "sg-1", "zone_id": None}
    return ingress.IngressArgs(**{**given, **changed})


def deployed(root: pulumi.Resource) -> service.AwsService:
    """A service, for those that come after one."""
    return service.AwsService(context(), IDENTITY, service_args(), pulumi.ResourceOptions(parent=root))


def watched(root: pulumi.Resource) -> monitoring.Watched:
    return monitoring.Watched(
        services={"aex-identity": deployed(root)}, door=DOOR, database="aex-docdb", nat_gateways=()
    )


Build = Callable[[pulumi.ResourceOptions, pulumi.Resource], pulumi.ComponentResource]

PARTS: Mapping[type[pulumi.ComponentResource], Build] = {
    access_logs.AccessLogs: lambda opts, _: access_logs.AccessLogs(context(), opts),
    atlas.Atlas: lambda opts, root: atlas.Atlas(context(aws={"database": ATLAS}), own_network(root), opts),
    bootstrap.AwsBootstrap: lambda opts, _: bootstrap.AwsBootstrap(bootstrap_context(), GITHUB, opts),
    budget.Budget: lambda opts, _: budget.Budget(
        context(), AwsBudget.model_validate({"monthlyUsd": 100, "emails": ["a@example.org"]}), TOPIC, opts
    ),
    certificate.Certificate: lambda opts, _: certificate.Certificate(
        context(aws={"domain": "aex.example.org"}), "aex.example.org", "Z1", opts
    ),
    cluster.Cluster: lambda opts, _: cluster.Cluster(context(), KEY, opts),
    dashboard.Dashboard: lambda opts, _: dashboard.Dashboard(context(), CATALOG, DOOR, "aex-docdb", [TOPIC], opts),
    database.Database: lambda opts, _: database.Database(context(), place(), KEY, opts),
    database_users.DatabaseUsers: lambda opts, _: database_users.DatabaseUsers(context(), CATALOG, "db", KEY, opts),
    encryption.Encryption: lambda opts, _: encryption.Encryption(context(), opts),
    endpoints.Endpoints: lambda opts, root: endpoints.Endpoints(context(), own_network(root), opts),
    exports.Exports: lambda opts, _: exports.Exports(context(), KEY, opts),
    firewall.Firewall: lambda opts, _: firewall.Firewall(context(aws={"firewall": "block"}), "arn:alb", KEY, opts),
    github.Pipelines: lambda opts, root: github.Pipelines(
        bootstrap_context(), GITHUB, state.State(bootstrap_context(), pulumi.ResourceOptions(parent=root)), opts
    ),
    identity.Identity: lambda opts, _: identity.Identity(context(), CATALOG, KEY, opts=opts),
    ingress.Ingress: lambda opts, _: ingress.Ingress(context(), ingress_args(), opts),
    monitoring.Monitoring: lambda opts, root: monitoring.Monitoring(context(), CATALOG, watched(root), TOPIC, opts),
    network.Network: lambda opts, _: network.Network(context(), ZONES, KEY, opts),
    notifications.Notifications: lambda opts, _: notifications.Notifications(
        context(aws={"alarms": {"emails": ["a@example.org"]}}), KEY, opts
    ),
    operations.Operations: lambda opts, _: operations.Operations(context(), operations_args(), opts),
    registry.Registry: lambda opts, _: registry.Registry(context(), ["aex-identity"], KEY, opts),
    scaling.Scaling: lambda opts, root: scaling.Scaling(
        context(), IDENTITY, RANGE, deployed(root), requests_label=None, opts=opts
    ),
    secrets.Secrets: lambda opts, _: secrets.Secrets(context(), CATALOG, KEY, opts),
    secrets.StackSecret: lambda opts, _: secrets.StackSecret(
        context(), "aex-x", description="x", value=pulumi.Output.secret("v"), key=KEY, opts=opts
    ),
    security_groups.SecurityGroups: lambda opts, _: security_groups.SecurityGroups(
        context(), CATALOG, surroundings(), opts
    ),
    service.AwsService: lambda opts, _: service.AwsService(context(), IDENTITY, service_args(), opts),
    slo.Objective: lambda opts, _: slo.Objective(context(), DOOR, TOPIC, opts),
    state.State: lambda opts, _: state.State(bootstrap_context(), opts),
}
"""Everything but the whole platform, which `stacks.stack` declares."""


def bootstrap_context() -> Context:
    return context("bootstrap", {}, github=stacks.GITHUB, image={})


def own_network(root: pulumi.Resource) -> network.Network:
    return network.Network(context(), ZONES, KEY, pulumi.ResourceOptions(parent=root))


class Root(pulumi.ComponentResource):
    """What stands above the component: what it needs besides is declared here."""

    def __init__(self, build: Build) -> None:
        super().__init__("test:aws:Root", "root")
        build(pulumi.ResourceOptions(parent=self), self)
        self.register_outputs({})


@functools.cache
def alone(part: type[pulumi.ComponentResource]) -> Run:
    """What one component declares, and what it needs."""
    return declared(
        lambda: Root(PARTS[part]),
        stack="bootstrap" if part in (bootstrap.AwsBootstrap, github.Pipelines, state.State) else "staging",
        outputs=stacks.outputs,
        answers=stacks.ANSWERS,
    )


def own(part: type[pulumi.ComponentResource]) -> list[Resource]:
    """The custom resources below the component itself."""
    run = alone(part)
    (top,) = [each for each in run.resources if not each.custom and each.type == TOKENS[part] and below_root(each)]
    inside = {top.urn}
    for each in run.resources:  # parents are registered before their children
        if each.parent in inside:
            inside.add(each.urn)
    return [each for each in run.resources if each.custom and each.urn in inside]


def below_root(resource: Resource) -> bool:
    return "test:aws:Root::" in resource.parent


TOKENS: Mapping[type[pulumi.ComponentResource], str] = {
    **{part: f"agent-exchange:aws:{part.__name__}" for part in PARTS},
    bootstrap.AwsBootstrap: "agent-exchange:aws:Bootstrap",
    secrets.StackSecret: "agent-exchange:aws:Secret",
    service.AwsService: "agent-exchange:aws:Service",
}
