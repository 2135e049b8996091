"""Every component by itself under the strict mocks: what it declares, against a table written by hand."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest

import infra.gcp
from infra.components.catalog import CATALOG
from infra.gcp.apis import ProjectServices
from infra.gcp.audit import Audit
from infra.gcp.bootstrap import GcpBootstrap
from infra.gcp.budget import Budget
from infra.gcp.context import Context, context_of
from infra.gcp.dashboard import Dashboard
from infra.gcp.database import Database
from infra.gcp.exports import Exports
from infra.gcp.firewall import Firewall
from infra.gcp.github import Pipelines
from infra.gcp.identity import Identity
from infra.gcp.ingress import Ingress
from infra.gcp.logs import Logs
from infra.gcp.monitoring import Monitoring
from infra.gcp.network import Network
from infra.gcp.notifications import Notifications
from infra.gcp.operations import Operations, OperationsArgs
from infra.gcp.platform import GcpPlatform
from infra.gcp.project import Project
from infra.gcp.registry import Registry
from infra.gcp.scaling import Instances
from infra.gcp.scheduler import Scheduler
from infra.gcp.secrets import Secrets, StackSecret
from infra.gcp.service import INTERNAL, GcpService, GcpServiceArgs
from infra.gcp.slo import Objective
from infra.gcp.state import State
from tests.infra.gcp.stacks import DIGEST, NUMBER, outputs, settings_of
from tests.infra.mocks import Run, declared

BILLING = "012345-6789AB-CDEF01"
EMAILS = {"alarms": {"emails": ["oncall@example.org", "other@example.org"]}}
LOAD_BALANCED = {"domain": "aex.example.org", "zone": "example-org", "armor": "block"}


def service(ctx: Context, name: str = "aex-gateway", **changes: Any) -> GcpService:
    values: dict[str, Any] = {
        "image": f"x/{name}@{DIGEST}",
        "cpu": 1,
        "memory_mib": 512,
        "concurrency": 80,
        "instances": Instances(minimum=0, maximum=2),
        "environment": {"ENVIRONMENT": "staging"},
        "secrets": {"JWT_SECRET": ("aex-jwt-secret", "1")},
        "account": "a@b",
        "url": pulumi.Output.from_input(f"https://{name}-{NUMBER}.us-central1.run.app"),
        "ingress": INTERNAL,
        "invokers": {"aex-settlement": "serviceAccount:a@b", "operator": "serviceAccount:c@d"},
    }
    return GcpService(ctx, CATALOG.service(name), GcpServiceArgs(**{**values, **changes}), pulumi.ResourceOptions())


def operations(ctx: Context) -> Operations:
    database = {"STORE_TYPE": "firestore", "FIRESTORE_PROJECT_ID": "p", "FIRESTORE_DATABASE": "d"}
    args = OperationsArgs(
        image=f"x@{DIGEST}",
        account="a@b",
        exports=Exports(ctx, "serviceAccount:a@b"),
        environment=database,
        outlet=None,
    )
    return Operations(ctx, args)


def github(ctx: Context) -> Pipelines:
    found = ctx.settings.github
    assert found is not None
    return Pipelines(ctx, found, State(ctx))


def bootstrap(ctx: Context) -> GcpBootstrap:
    found = ctx.settings.github
    assert found is not None
    return GcpBootstrap(ctx, found)


def project(ctx: Context) -> Project:
    wanted = ctx.gcp.create_project
    assert wanted is not None
    return Project(ctx, wanted)


def budget(ctx: Context) -> Budget:
    wanted = ctx.gcp.budget
    assert wanted is not None
    return Budget(ctx, wanted, NUMBER, Notifications(ctx).channels)


def one_secret(ctx: Context) -> StackSecret:
    return StackSecret(ctx, "aex-x", description="x", value=pulumi.Output.secret("1:y"))


def watched(ctx: Context) -> Monitoring:
    return Monitoring(ctx, CATALOG, Ingress(ctx, service(ctx)), Notifications(ctx))


MEMBERS, SECRET = "projects/iAMMember:IAMMember", "secretmanager/secret:Secret"
ACCOUNT, POLICY = "serviceaccount/account:Account", "monitoring/alertPolicy:AlertPolicy"
RUN = {"cloudrunv2/service:Service": 1, "cloudrunv2/serviceIamMember:ServiceIamMember": 2}
SECRETS = {SECRET: 3, "secretmanager/secretVersion:SecretVersion": 3}
STATE = {"kms/keyRing:KeyRing": 1, "kms/cryptoKey:CryptoKey": 2, "storage/bucket:Bucket": 1}
PIPELINES = {
    "iam/workloadIdentityPool:WorkloadIdentityPool": 1,
    "iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": 1,
    ACCOUNT: 5,
    # deployments and comparisons from the environment of either cloud, previews from pull requests
    "serviceaccount/iAMMember:IAMMember": 2 * 2 * 2 + 1,
    # sixteen roles and the right to grant four, for two accounts; ten and one of our own for three that look
    MEMBERS: 2 * (16 + 1) + 3 * (10 + 1),
    "projects/iAMCustomRole:IAMCustomRole": 1,
    "storage/bucketIAMMember:BucketIAMMember": 5,
    "kms/cryptoKeyIAMMember:CryptoKeyIAMMember": 5,
}
APIS = {"projects/service:Service": 21, "projects/serviceIdentity:ServiceIdentity": 1}
AUDIT = {"projects/iAMAuditConfig:IAMAuditConfig": 6}
NETWORK = {
    "compute/network:Network": 1,
    "compute/subnetwork:Subnetwork": 1,
    "compute/firewall:Firewall": 3,
    "dns/managedZone:ManagedZone": 1,
    "dns/recordSet:RecordSet": 2,
}
OUTSIDE = {"compute/router:Router": 1, "compute/address:Address": 1, "compute/routerNat:RouterNat": 1}
BALANCER = {
    "compute/globalAddress:GlobalAddress": 1,
    "compute/uRLMap:URLMap": 2,
    "compute/targetHttpsProxy:TargetHttpsProxy": 1,
    "compute/targetHttpProxy:TargetHttpProxy": 1,
    "compute/sSLPolicy:SSLPolicy": 1,
    "compute/managedSslCertificate:ManagedSslCertificate": 1,
    "compute/globalForwardingRule:GlobalForwardingRule": 2,
    "compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": 1,
    "compute/backendService:BackendService": 1,
    "compute/securityPolicy:SecurityPolicy": 1,
    "dns/recordSet:RecordSet": 1,
}
EXPORTS = {"storage/bucket:Bucket": 1, "storage/bucketIAMMember:BucketIAMMember": 1}
SLO = {"monitoring/customService:CustomService": 1, "monitoring/slo:Slo": 1}

Case = tuple[Callable[[Context], object], str, Mapping[str, Any], Mapping[str, int]]

ALONE: Mapping[str, Case] = {
    # name: what is built, stack, its config, what is declared on Google Cloud
    "ProjectServices": (ProjectServices, "bootstrap", {}, APIS),
    "Audit": (Audit, "bootstrap", {}, AUDIT),
    "State": (State, "bootstrap", {}, STATE),
    "Pipelines": (github, "bootstrap", {}, PIPELINES | STATE),
    "Project": (
        project,
        "bootstrap",
        {"createProject": {"billingAccount": BILLING, "folder": "1"}},
        {"organizations/project:Project": 1},
    ),
    "GcpBootstrap": (bootstrap, "bootstrap", {}, PIPELINES | STATE | APIS | AUDIT),
    "Registry": (Registry, "staging", {}, {"artifactregistry/repository:Repository": 1}),
    "StackSecret": (one_secret, "staging", {}, {SECRET: 1, "secretmanager/secretVersion:SecretVersion": 1}),
    "Secrets": (lambda ctx: Secrets(ctx, CATALOG), "staging", {}, SECRETS),
    "Identity": (
        lambda ctx: Identity(ctx, CATALOG, Secrets(ctx, CATALOG)),
        "staging",
        {},
        # ten services, the scheduler and the operators' job; logs, traces, metrics for all but the scheduler, the
        # database for all but it and the gateway; six secrets that somebody reads
        {ACCOUNT: 12, MEMBERS: 11 * 3 + 10, "secretmanager/secretIamMember:SecretIamMember": 6} | SECRETS,
    ),
    "Database": (
        Database,
        "production",
        {},
        {"firestore/database:Database": 1, "firestore/backupSchedule:BackupSchedule": 1},
    ),
    "Network": (Network, "staging", {}, NETWORK),
    "Network with all": (
        Network,
        "staging",
        {"network": {"egress": "connector", "nat": True}},
        NETWORK | OUTSIDE | {"vpcaccess/connector:Connector": 1},
    ),
    "GcpService": (service, "staging", {}, RUN),
    "Exports": (lambda ctx: Exports(ctx, "serviceAccount:a@b"), "staging", {}, EXPORTS),
    "Operations": (operations, "staging", {}, {"cloudrunv2/job:Job": 1} | EXPORTS),
    "Scheduler": (
        lambda ctx: Scheduler(
            ctx,
            {CATALOG.service(name): service(ctx, name) for name in ("aex-identity", "aex-settlement", "aex-telemetry")},
        ),
        "staging",
        {},
        # identity has no duties
        {"cloudscheduler/job:Job": 2, **{token: 3 * count for token, count in RUN.items()}},
    ),
    "Firewall": (Firewall, "staging", {"armor": "block"}, {"compute/securityPolicy:SecurityPolicy": 1}),
    "Ingress": (lambda ctx: Ingress(ctx, service(ctx)), "staging", {}, RUN),
    "Ingress with a domain": (lambda ctx: Ingress(ctx, service(ctx)), "staging", LOAD_BALANCED, RUN | BALANCER),
    "Notifications": (Notifications, "staging", EMAILS, {"monitoring/notificationChannel:NotificationChannel": 2}),
    "Logs": (lambda ctx: Logs(ctx, CATALOG), "staging", {}, {"logging/metric:Metric": 1}),
    "Objective": (lambda ctx: Objective(ctx, "aex-gateway", []), "staging", {}, SLO | {POLICY: 2}),
    "Dashboard": (
        lambda ctx: Dashboard(ctx, CATALOG, ["alarm"]),
        "staging",
        {},
        {"monitoring/dashboard:Dashboard": 1},
    ),
    "Monitoring": (
        watched,
        "production",
        {},
        RUN
        | SLO
        # the guide's five, reachability, two speeds of burning
        | {POLICY: 8, "monitoring/uptimeCheckConfig:UptimeCheckConfig": 1}
        | {"monitoring/dashboard:Dashboard": 1, "logging/metric:Metric": 1},
    ),
    "Budget": (
        budget,
        "staging",
        {"budget": {"monthly": 10, "billingAccount": BILLING}, **EMAILS},
        {"billing/budget:Budget": 1, "monitoring/notificationChannel:NotificationChannel": 2},
    ),
}
INDEXES = ("firestore/index:Index", "firestore/field:Field")
"""As many as the application's declaration asks for, which `test_database.py` counts."""


def alone(name: str) -> Run:
    build, stack, config, _ = ALONE[name]
    settings = settings_of(stack, config)

    def program() -> None:
        build(context_of(settings))

    return declared(program, stack=stack, outputs=outputs)


@pytest.mark.parametrize("name", list(ALONE))
def test_a_component_declares_by_itself_what_the_table_says(name: str) -> None:
    found = {token.removeprefix("gcp:"): count for token, count in alone(name).inventory().items() if "gcp:" in token}
    for token in INDEXES:
        assert (found.pop(token, 0) > 0) is (name == "Database")
    assert found == dict(ALONE[name][3])


def test_no_component_is_left_out() -> None:
    classes: set[str] = set()
    for module in pkgutil.iter_modules(infra.gcp.__path__):
        for value in vars(importlib.import_module(f"infra.gcp.{module.name}")).values():
            ours = isinstance(value, type) and value.__module__.startswith("infra.gcp.")
            if ours and issubclass(value, pulumi.ComponentResource):
                classes.add(value.__name__)
    # The whole stacks' tests have the platform.
    assert classes - {GcpPlatform.__name__} == {name.partition(" ")[0] for name in ALONE}
