"""What each component cannot work with is refused before anything is made, and the message says what to do instead."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.config import ConfigError
from infra.gcp.alarms import Rule
from infra.gcp.bootstrap import build
from infra.gcp.context import context_of
from infra.gcp.iam import Condition
from infra.gcp.ingress import Door
from infra.gcp.network import Outlet
from infra.gcp.operations import OperationsArgs
from infra.gcp.scaling import Instances
from infra.gcp.secrets import number_in
from infra.gcp.service import OPEN, GcpServiceArgs
from tests.infra.gcp.stacks import settings_of
from tests.infra.gcp.test_components import ALONE, BILLING

DATABASE = {"STORE_TYPE": "firestore", "FIRESTORE_PROJECT_ID": "p", "FIRESTORE_DATABASE": "d"}

CONFIG: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any], str]] = [
    # component, stack, its part of the config, other keys, what the message says
    ("Project", "bootstrap", {"createProject": {"billingAccount": BILLING}}, {}, "set either folder or organization"),
    ("Project", "bootstrap", {"createProject": {"billingAccount": "1", "folder": "1"}}, {}, "billingAccount"),
    ("State", "bootstrap", {"environments": []}, {}, "name production, staging or both"),
    ("Pipelines", "bootstrap", {}, {"github": {"owner": "acme"}}, "github.repositoryId"),
    ("GcpBootstrap", "bootstrap", {}, {"github": None}, "set owner, repository, ownerId and repositoryId"),
    ("Registry", "staging", {}, {"image": {"source": "prebuilt"}}, "add them, or set source to build"),
    ("Secrets", "staging", {}, {"secrets": {"aex-jwt": 2}}, "did you mean aex-jwt-secret?"),
    ("StackSecret", "staging", {}, {"secrets": {"aex-jwt-secret": 0}}, "secrets.aex-jwt-secret"),
    ("Database", "staging", {"firestore": {"database": "A"}}, {}, "firestore.database"),
    ("Database", "staging", {"firestore": {"backupDays": 99}}, {}, "firestore.backupDays"),
    ("Network", "staging", {"network": {"cidr": "10.0.0.0/27"}}, {}, "use /26 or larger"),
    ("Network", "staging", {"network": {"cidr": "8.8.0.0/24"}}, {}, "take one from 10.0.0.0/8"),
    ("Network", "staging", {"network": {"egress": "none", "nat": True}}, {}, "set egress to direct or connector"),
    ("GcpService", "staging", {"sizes": {"aex-identity": {"cpu": 3, "memory": 512}}}, {}, "use one of 1, 2, 4, 6, 8"),
    ("Scheduler", "staging", {}, {"gcp:region": "europe-north1"}, "set it to a region that has it"),
    ("Firewall", "staging", {"requestsPerFiveMinutes": 1}, {}, "requestsPerFiveMinutes"),
    ("Ingress", "staging", {"access": "loadbalancer"}, {}, "set domain, or another access"),
    ("Ingress", "production", {"access": "public"}, {}, "or set access to iam"),
    ("Notifications", "staging", {"alarms": {"emails": ["anna"]}}, {}, "write it as name@example.org"),
    ("Monitoring", "staging", {"minimumInstances": 101}, {}, "minimumInstances"),
    ("Budget", "staging", {"budget": {"monthly": 0, "billingAccount": BILLING}}, {}, "budget.monthly"),
]

ARGUMENTS: list[tuple[str, Callable[[], object], str]] = [
    # component, a mistake of the code that composes it, what the message says
    ("GcpService", lambda: service_args(image="x:latest"), "name it by digest"),
    ("GcpService", lambda: service_args(ingress="ALL"), "use INGRESS_TRAFFIC_INTERNAL_ONLY"),
    ("GcpService", lambda: service_args(secrets={"X": ("x", "latest")}), "pin the number of a version"),
    ("GcpService", lambda: Instances(minimum=2, maximum=1), "make minimum at least 0 and at most maximum"),
    ("GcpService", lambda: Instances(minimum=1, maximum=2, fixed=True), "both the same where fixed"),
    ("Network", lambda: Outlet(all_traffic=False), "give either connector, or network and subnetwork"),
    ("Ingress", lambda: Door(ingress=OPEN, check_invokers=False, invokers={"a": "b"}), "leave one of the two out"),
    ("Operations", lambda: operations_args(environment={}), "add FIRESTORE_DATABASE, FIRESTORE_PROJECT_ID, STORE_TYPE"),
    ("Operations", lambda: operations_args(image="x:latest"), "name it by digest"),
    ("Identity", lambda: Condition("x" * 101, "true"), "make it 1 to 100"),
    ("Identity", lambda: Condition("x", " || ".join(["a"] * 14)), "simplify it, or grant twice"),
    ("Monitoring", lambda: Rule(name="x", description="", metric="", align="", reduce=""), "set either above or below"),
    ("Secrets", lambda: number_in("projects/acme/secrets/x"), "set agent-exchange:gcp.projectNumber"),
    ("GcpBootstrap", lambda: build(settings_of("staging")), "set agent-exchange:github"),
]

NOTHING_TO_REFUSE = {
    "ProjectServices": "a list in the code",
    "Audit": "a list in the code",
    "Logs": "the catalog, which checks itself",
    "Dashboard": "the catalog, which checks itself",
    "Objective": "a service of the catalog",
    "Exports": "the operators' account, which identity makes",
}


def service_args(**changes: Any) -> GcpServiceArgs:
    values: dict[str, Any] = {
        "image": "x@sha256:0",
        "cpu": 1,
        "memory_mib": 512,
        "concurrency": 80,
        "instances": Instances(minimum=0, maximum=1),
        "environment": {},
        "secrets": {},
        "account": "a@b",
        "url": "https://x",
        "ingress": OPEN,
        "invokers": {},
    }
    return GcpServiceArgs(**{**values, **changes})


def operations_args(**changes: Any) -> OperationsArgs:
    values: dict[str, Any] = {
        "image": "x@sha256:0",
        "account": "a",
        "exports": None,
        "environment": DATABASE,
        "outlet": None,
    }
    return OperationsArgs(**{**values, **changes})


@pytest.mark.parametrize(("component", "stack", "gcp", "more", "remedy"), CONFIG)
def test_config_is_refused_with_the_remedy(
    component: str, stack: str, gcp: Mapping[str, Any], more: Mapping[str, Any], remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(stack, gcp, **more)
    assert remedy in str(caught.value), component


@pytest.mark.parametrize(("component", "wrong", "remedy"), ARGUMENTS)
def test_arguments_are_refused_with_the_remedy(component: str, wrong: Callable[[], object], remedy: str) -> None:
    with pytest.raises(ValueError) as caught:
        wrong()
    assert remedy in str(caught.value), component


def test_a_stack_of_another_cloud_has_no_context_here() -> None:
    from infra.config import load

    with pytest.raises(ValueError, match="agent-exchange:clouds"):
        context_of(load({"agent-exchange:clouds": ["local"]}, "local"))


def test_every_component_refuses_something_or_has_a_reason_not_to() -> None:
    refusing = {row[0] for row in (*CONFIG, *ARGUMENTS)}
    assert not refusing & set(NOTHING_TO_REFUSE)
    assert refusing | set(NOTHING_TO_REFUSE) == {name.partition(" ")[0] for name in ALONE}
