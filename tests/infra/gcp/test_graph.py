"""Who may call whom, and who may read what, against tables written by hand."""

import json
from collections.abc import Iterator

import pytest

from tests.infra.components.expected import EDGES, PORTS
from tests.infra.gcp.stacks import INVOKER, PROJECT, SERVICE, access, environment, stack
from tests.infra.mocks import Run

WITH_DUTIES = {
    "aex-telemetry",
    "aex-settlement",
    "aex-work-publisher",
    "aex-bid-gateway",
    "aex-bid-evaluator",
    "aex-contract-engine",
}
BEHIND_THE_GATEWAY = set(PORTS) - {"aex-gateway"}

READS = {
    ("aex-gateway", "aex-jwt-secret"),
    ("aex-identity", "aex-jwt-secret"),
    ("aex-identity", "aex-api-key-salt"),
    ("aex-identity", "aex-operator-key"),
    ("aex-provider-registry", "aex-api-key-salt"),
    ("aex-contract-engine", "aex-api-key-salt"),
}


def account(member: str, suffix: str) -> str:
    """The base name of an account of this stack."""
    name = member.removeprefix("serviceAccount:").removesuffix(f"@{PROJECT}.iam.gserviceaccount.com")
    assert name.endswith(suffix), member
    return name.removesuffix(suffix)


def invocations(run: Run, suffix: str) -> Iterator[tuple[str, str]]:
    for each in run.of(INVOKER):
        assert each.inputs["role"] == "roles/run.invoker"
        yield account(each.inputs["member"], suffix), each.inputs["name"].removesuffix(suffix)


@pytest.mark.parametrize(("name", "suffix"), [("production", ""), ("staging", "-staging"), ("pr-12", "-pr-12")])
def test_only_declared_callers_can_call(name: str, suffix: str) -> None:
    run = stack(name)
    wanted = {
        *EDGES,
        *(("aex-scheduler", service) for service in WITH_DUTIES),
        *(("aex-operations", service) for service in BEHIND_THE_GATEWAY),
    }
    assert set(invocations(run, suffix)) == wanted
    assert len(run.of(INVOKER)) == len(wanted)


@pytest.mark.parametrize("name", ["production", "staging", "pr-12"])
def test_exactly_the_gateway_asks_nobody_who_calls(name: str) -> None:
    services = stack(name).of(SERVICE)
    assert {each.name for each in services if each.inputs["invokerIamDisabled"]} == {"aex-gateway"}
    assert len(services) == 10


def test_nobody_is_let_in_as_everybody() -> None:
    for name in ("production", "staging", "pr-12", "bootstrap"):
        for each in stack(name).resources:
            member = str(each.inputs.get("member", ""))
            assert member not in ("allUsers", "allAuthenticatedUsers"), each.urn


def test_a_service_reads_only_its_own_secrets() -> None:
    found = {
        (account(each.inputs["member"], ""), each.inputs["secretId"])
        for each in stack("production").of("gcp:secretmanager/secretIamMember:SecretIamMember")
    }
    assert found == READS
    roles = {
        each.inputs["role"] for each in stack("production").of("gcp:secretmanager/secretIamMember:SecretIamMember")
    }
    assert roles == {"roles/secretmanager.secretAccessor"}


def test_a_revision_gets_only_the_secrets_that_its_account_may_read() -> None:
    variables = {"JWT_SECRET": "aex-jwt-secret", "API_KEY_SALT": "aex-api-key-salt", "OPERATOR_KEY": "aex-operator-key"}
    for service in stack("production").of(SERVICE):
        references = {
            each["name"]: each["valueSource"]["secretKeyRef"]
            for each in service.inputs["template"]["containers"][0]["envs"]
            if "valueSource" in each
        }
        assert {(service.name, reference["secret"]) for reference in references.values()} == {
            edge for edge in READS if edge[0] == service.name
        }
        for variable, reference in references.items():
            assert reference["secret"] == variables[variable]
            assert reference["version"].isdigit(), "pinned by number, not `latest`"


def test_there_is_one_account_per_service_and_each_runs_as_its_own() -> None:
    run = stack("production")
    accounts = {each.inputs["accountId"] for each in run.of("gcp:serviceaccount/account:Account")}
    assert accounts == {*PORTS, "aex-scheduler", "aex-operations"}
    for service in run.of(SERVICE):
        assert service.inputs["template"]["serviceAccount"] == f"{service.name}@{PROJECT}.iam.gserviceaccount.com"
    assert not run.of("gcp:serviceaccount/key:Key")


def test_on_the_project_a_service_may_write_logs_traces_and_metrics_and_reach_one_database() -> None:
    run = stack("staging")
    found: dict[str, set[str]] = {}
    for each in run.of("gcp:projects/iAMMember:IAMMember"):
        found.setdefault(account(each.inputs["member"], "-staging"), set()).add(each.inputs["role"])
        if each.inputs["role"] == "roles/datastore.user":
            assert each.inputs["condition"]["expression"] == (
                f'resource.name == "projects/{PROJECT}/databases/agent-exchange-staging"'
            )
    common = {"roles/logging.logWriter", "roles/cloudtrace.agent", "roles/monitoring.metricWriter"}
    stored = {name: {*common, "roles/datastore.user"} for name in (*BEHIND_THE_GATEWAY, "aex-operations")}
    assert found == {**stored, "aex-gateway": common}


def test_a_service_believes_exactly_its_callers() -> None:
    for service in stack("production").of(SERVICE):
        variables = environment(service)
        believed = json.loads(variables["AEX_SERVICE_KEYS"])
        if service.name == "aex-gateway":
            assert believed == {}, "nobody has checked the tokens that reach it"
            continue
        callers = {caller for caller, callee in EDGES if callee == service.name}
        accounts = {caller: caller for caller in callers} | {"operator": "aex-operations"}
        if service.name in WITH_DUTIES:
            accounts["scheduler"] = "aex-scheduler"
        assert believed == {caller: f"{name}@{PROJECT}.iam.gserviceaccount.com" for caller, name in accounts.items()}
        assert set(variables["AEX_CALLERS"].split(",")) == set(accounts)
        assert variables["AEX_SERVICE_AUTH"] == "google"


def test_with_iam_the_gateway_is_called_by_named_members_the_check_and_the_operator() -> None:
    found = {
        each.inputs["member"] for each in access("iam").of(INVOKER) if each.inputs["name"] == "aex-gateway-staging"
    }
    assert found == {
        "group:people@example.org",
        "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
        f"serviceAccount:aex-operations-staging@{PROJECT}.iam.gserviceaccount.com",
    }


def test_whoever_is_let_in_exists_before() -> None:
    for each in (*access("iam").of(INVOKER), *stack("production").of(INVOKER)):
        if each.inputs["member"].endswith(f"@{PROJECT}.iam.gserviceaccount.com"):
            made = each.options.propertyDependencies["member"].urns
            assert any("serviceaccount/account:Account" in urn for urn in made), each.urn
