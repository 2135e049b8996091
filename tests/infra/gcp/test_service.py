"""How services run: sizes, billing, probes, addresses, traffic, order."""

import pytest

from infra.components.catalog import CATALOG
from tests.infra.components.expected import EDGES, PORTS, SIZES
from tests.infra.gcp.stacks import (
    DIGEST,
    NUMBER,
    PROJECT,
    REGION,
    SERVICE,
    container,
    environment,
    run_of,
    settings_of,
    stack,
)
from tests.infra.gcp.test_refusals import service_args

VARIABLE = {call.service: call.variable for each in CATALOG.services for call in each.calls}


@pytest.mark.parametrize("service", sorted(PORTS))
def test_sizes_are_the_guides(service: str) -> None:
    found = stack("production").one(SERVICE, service).inputs["template"]
    memory, cpu, *_ = SIZES[service]
    assert found["containers"][0]["resources"] == {
        "limits": {"cpu": str(cpu), "memory": memory},
        # The trap: left out beside limits, CPU would be allocated, and billed, always.
        "cpuIdle": True,
        "startupCpuBoost": True,
    }
    assert found["maxInstanceRequestConcurrency"] == {"aex-gateway": 250, "aex-bid-evaluator": 50}.get(service, 80)
    small = service == "aex-telemetry"
    assert found["executionEnvironment"] == f"EXECUTION_ENVIRONMENT_GEN{1 if small else 2}"


def test_probes_ask_health_on_the_services_own_port_without_any_tool_in_the_image() -> None:
    for service in stack("staging").of(SERVICE):
        found = container(service)
        port = PORTS[service.name]
        assert found["ports"] == {"name": "http1", "containerPort": port}
        for probe in ("startupProbe", "livenessProbe"):
            assert found[probe]["httpGet"] == {"path": "/health", "port": port}
        startup = found["startupProbe"]
        assert startup["timeoutSeconds"] < startup["periodSeconds"]
        assert 60 <= startup["periodSeconds"] * startup["failureThreshold"] <= 240, "direct egress takes a minute"


def test_images_are_pinned_by_digest() -> None:
    for service in stack("production").of(SERVICE):
        image = container(service)["image"]
        assert image == f"{REGION}-docker.pkg.dev/{PROJECT}/aex/{service.name}@{DIGEST}"


def test_the_reserved_port_variable_is_left_to_cloud_run() -> None:
    for service in stack("staging").of(SERVICE):
        names = [each["name"] for each in container(service)["envs"]]
        assert "PORT" not in names
        assert names == sorted(set(names)), "sorted, so that nothing changes without a reason"


@pytest.mark.parametrize(("name", "suffix"), [("staging", "-staging"), ("production", ""), ("pr-12", "-pr-12")])
def test_addresses_are_those_that_cloud_run_gives_within_the_stack(name: str, suffix: str) -> None:
    run = stack(name)
    for caller, callee in EDGES:
        variables = environment(run.one(SERVICE, caller))
        wanted = f"https://{callee}{suffix}-{NUMBER}.{REGION}.run.app"
        assert variables[VARIABLE[callee]] == wanted
        assert environment(run.one(SERVICE, callee))["AEX_SERVICE_URL"] == wanted, "the audience is the address"


def test_a_known_project_number_makes_addresses_plain() -> None:
    run = run_of(settings_of("pr-1", {"projectNumber": "987654321098"}))
    assert environment(run.one(SERVICE, "aex-telemetry"))["AEX_SERVICE_URL"].startswith(
        "https://aex-telemetry-pr-1-987654321098."
    )


def test_services_are_deployed_after_those_that_they_call() -> None:
    run = stack("staging")
    place = {each.name: number for number, each in enumerate(run.of(SERVICE))}
    for caller, callee in EDGES:
        assert place[callee] < place[caller]
        wanted = run.one(SERVICE, callee).urn
        assert wanted in run.one(SERVICE, caller).options.dependencies, "a teardown goes by this too"


def test_services_are_deployed_after_their_permissions_and_their_network() -> None:
    run = stack("staging")
    identity = run.one(SERVICE, "aex-identity").options.dependencies
    for token, count in (
        ("gcp:secretmanager/secretIamMember:SecretIamMember", 3),
        ("gcp:projects/iAMMember:IAMMember", 4),
        ("gcp:compute/firewall:Firewall", 3),
        ("gcp:dns/recordSet:RecordSet", 2),
    ):
        assert sum(f"${token}::" in urn for urn in identity) == count, token
    assert any("$gcp:firestore/index:Index::" in urn for urn in identity)


def test_production_keeps_an_instance_and_staging_sleeps() -> None:
    for name, minimum in (("production", 1), ("staging", 0)):
        for service in stack(name).of(SERVICE):
            assert service.inputs["scaling"] == {"scalingMode": "AUTOMATIC", "minInstanceCount": minimum}
            assert service.inputs["template"]["scaling"] == {"maxInstanceCount": 10}


def test_a_drain_ends_before_cloud_run_kills() -> None:
    for service in stack("staging").of(SERVICE):
        assert int(environment(service)["SHUTDOWN_GRACE_SECONDS"]) < 10
        assert service.inputs["template"]["timeout"] == "60s"


def test_config_changes_size_scale_traffic_and_restarts() -> None:
    run = run_of(
        settings_of(
            "dev-x",
            {
                "sizes": {"aex-gateway": {"cpu": 4, "memory": 2048}, "aex-telemetry": {"cpu": 1, "memory": 512}},
                "scaling": {"aex-identity": {"fixed": 3}, "aex-settlement": {"minimum": 2, "maximum": 4}},
                "traffic": {"aex-gateway": {"aex-gateway-dev-x-00007-abc": 90, "latest": 10}},
                "restart": {"aex-bid-gateway": "2026-11-25"},
            },
        )
    )
    gateway = run.one(SERVICE, "aex-gateway").inputs
    assert gateway["template"]["containers"][0]["resources"]["limits"] == {"cpu": "4", "memory": "2Gi"}
    assert gateway["template"]["maxInstanceRequestConcurrency"] == 250, "the catalog's, unless the config says more"
    assert gateway["traffics"] == [
        {
            "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
            "revision": "aex-gateway-dev-x-00007-abc",
            "percent": 90,
        },
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 10},
    ]
    telemetry = run.one(SERVICE, "aex-telemetry").inputs["template"]
    assert telemetry["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2"
    fixed = run.one(SERVICE, "aex-identity").inputs
    assert fixed["scaling"] == {"scalingMode": "MANUAL", "manualInstanceCount": 3}
    assert "scaling" not in fixed["template"]
    ranged = run.one(SERVICE, "aex-settlement").inputs
    assert (ranged["scaling"]["minInstanceCount"], ranged["template"]["scaling"]["maxInstanceCount"]) == (2, 4)
    restarted = run.one(SERVICE, "aex-bid-gateway").inputs["template"]
    assert restarted["annotations"] == {"agent-exchange/restart": "2026-11-25"}
    assert "annotations" not in gateway["template"]


def test_a_share_of_nothing_is_left_out() -> None:
    run = run_of(settings_of("dev-x", {"traffic": {"aex-gateway": {"aex-gateway-dev-x-00007-abc": 100, "latest": 0}}}))
    (found,) = run.one(SERVICE, "aex-gateway").inputs["traffics"]
    assert (found["revision"], found["percent"]) == ("aex-gateway-dev-x-00007-abc", 100)


def test_without_a_split_all_traffic_goes_to_what_was_deployed_last() -> None:
    for service in stack("production").of(SERVICE):
        assert service.inputs["traffics"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]


def test_the_switch_decides_about_deletion_explicitly() -> None:
    for name, protect in (("production", True), ("staging", False), ("pr-12", False)):
        run = stack(name)
        for each in (*run.of(SERVICE), *run.of("gcp:cloudrunv2/job:Job")):
            assert each.inputs["deletionProtection"] is protect


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpu": 3}, "Cloud Run has no 3 vCPU"),
        ({"memory_mib": 16384}, "Cloud Run has no 16384 MiB with 1 vCPU"),
        ({"concurrency": 1001}, "Cloud Run has no concurrency of 1001"),
        ({"secrets": {"X": ("secret", "latest")}}, "pin the number"),
        ({"check_invokers": False, "invokers": {"a": "b"}}, "not checked"),
    ],
)
def test_what_cloud_run_would_refuse_is_refused_at_once(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        service_args(**changes)
