"""How a service runs on Fargate, and how one version of it replaces another."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from infra.aws import container
from infra.aws.service import AwsService
from infra.components.catalog import CATALOG
from infra.components.model import Call, Service
from tests.infra.aws import parts, stacks
from tests.infra.aws.stacks import DIGEST
from tests.infra.components.expected import EDGES, PORTS, SECRETS, SIZES
from tests.infra.mocks import Run, declared

DEFINITION, SERVICE = "aws:ecs/taskDefinition:TaskDefinition", "aws:ecs/service:Service"

COMMON_VARIABLES = {
    *("AEX_CALLERS", "AEX_DUTIES", "AEX_SERVICE_AUTH", "AEX_SERVICE_KEYS", "ENVIRONMENT", "HOST", "LOG_LEVEL", "PORT"),
    "SHUTDOWN_GRACE_SECONDS",
}
GATEWAY_VARIABLES = {"GATEWAY_INSTANCES", "TRUSTED_PROXY_HOPS"}
STORE_VARIABLES = {"MONGO_CA_FILE", "MONGO_DB", "MONGO_HOST", "MONGO_REPLICA_SET", "MONGO_USER", "STORE_TYPE"}


def variables(run: Run, service: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in stacks.containers(run.one(DEFINITION, service))["environment"]}


def references(run: Run, service: str) -> dict[str, str]:
    return {each["name"]: each["valueFrom"] for each in stacks.containers(run.one(DEFINITION, service))["secrets"]}


@pytest.mark.parametrize("service", list(PORTS))
def test_a_task_is_what_the_guide_says_at_the_callees_real_addresses(service: str) -> None:
    run = stacks.stack("production")
    definition = run.one(DEFINITION, service).inputs
    _, _, memory, cpu = SIZES[service]
    assert (definition["cpu"], definition["memory"]) == (str(cpu), str(memory))
    found = variables(run, service)
    urls = {value for name, value in found.items() if name.endswith("_URL")}
    assert urls == {f"http://{callee}:{PORTS[callee]}" for caller, callee in EDGES if caller == service}
    assert found["PORT"] == str(PORTS[service])
    assert found["AEX_SERVICE_AUTH"] == "token"
    plain = {name for name in found if not name.endswith("_URL")} - {"DUTY_INTERVAL_SECONDS"}
    assert plain == COMMON_VARIABLES | (STORE_VARIABLES if service != "aex-gateway" else GATEWAY_VARIABLES)


def test_the_gateway_knows_the_balancer_in_front_and_how_many_share_its_limits() -> None:
    found = variables(stacks.stack("production"), "aex-gateway")
    assert (found["TRUSTED_PROXY_HOPS"], found["GATEWAY_INSTANCES"]) == ("1", "2")


@pytest.mark.parametrize("service", list(PORTS))
def test_secrets_arrive_by_pinned_reference_and_only_where_they_are_read(service: str) -> None:
    found = references(stacks.stack("production"), service)
    shared = {secret for secret, readers in SECRETS.items() if service in readers}
    expected = {f":{name}:::{name}.versionId" for name in [*shared, f"{service}-signing-key"]}
    if service != "aex-gateway":
        expected.add(f":{service}-database:::{service}-database.versionId")
    assert {value.removeprefix("arn:aws:secretsmanager:us-east-1:123456789012") for value in found.values()} == expected


def test_callees_get_the_public_keys_of_their_declared_callers_and_the_operator() -> None:
    run = stacks.stack("staging")
    for service in PORTS:
        callers = {caller for caller, callee in EDGES if callee == service}
        assert set(json.loads(variables(run, service)["AEX_SERVICE_KEYS"])) == {*callers, "operator"}


@pytest.mark.parametrize("service", list(PORTS))
def test_a_container_has_nothing_that_it_does_not_need(service: str) -> None:
    found = stacks.containers(stacks.stack("production").one(DEFINITION, service))
    assert found["user"] == "10001:10001"
    assert found["readonlyRootFilesystem"] is True
    assert found["privileged"] is False
    assert found["linuxParameters"]["initProcessEnabled"] is True
    (writable,) = found["linuxParameters"]["tmpfs"]
    assert writable["containerPath"] == "/tmp"
    assert found["image"].endswith(f"@{DIGEST}")
    assert found["logConfiguration"]["options"]["mode"] == "non-blocking"
    assert found["portMappings"] == [
        {
            "name": service,
            "containerPort": PORTS[service],
            "hostPort": PORTS[service],
            "protocol": "tcp",
            "appProtocol": "http",
        }
    ]


def test_what_ecs_would_add_is_written_down() -> None:
    run = stacks.stack("staging")
    for definition in run.of(DEFINITION):
        found = stacks.containers(definition)
        for key in ("mountPoints", "systemControls", "volumesFrom", "portMappings", "environment", "secrets"):
            assert isinstance(found[key], list), key
        names = [each["name"] for each in found["environment"]]
        assert names == sorted(names)
        assert all(each["value"] is not None for each in found["environment"])
        assert "null" not in definition.inputs["containerDefinitions"]
        assert definition.inputs["runtimePlatform"]["cpuArchitecture"] == "X86_64"


def test_stopping_leaves_time_for_what_has_begun() -> None:
    drain = container.DEREGISTRATION_SECONDS + container.LONGEST_REQUEST_SECONDS
    assert drain < container.STOP_SECONDS
    assert container.STOP_SECONDS > container.DEREGISTRATION_SECONDS + container.GRACE_SECONDS
    assert container.GRACE_SECONDS > container.LONGEST_REQUEST_SECONDS
    assert container.STOP_SECONDS <= 120, "Fargate's limit"


def test_the_health_check_works_with_what_is_in_the_image() -> None:
    """The command itself, against a server that answers and against none."""
    import http.server
    import threading

    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kind, _, *arguments = container.health_command(server.server_port)
    assert kind == "CMD"
    assert subprocess.run([sys.executable, *arguments], check=False, timeout=60).returncode == 0
    server.shutdown()
    server.server_close()
    failed = subprocess.run([sys.executable, *arguments], check=False, timeout=60, capture_output=True)
    assert failed.returncode != 0


@pytest.mark.parametrize("name", ["staging", "production", "pr-12"])
def test_a_bad_deployment_goes_back_by_itself(name: str) -> None:
    run = stacks.stack(name)
    for service in run.of(SERVICE):
        inputs = service.inputs
        assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        assert (inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"]) == (100, 200)
        assert (inputs["waitForSteadyState"], inputs["sigintRollback"]) == (True, True)
        assert inputs["availabilityZoneRebalancing"] == "ENABLED"
        plain = service.name if name == "production" else f"{service.name}-{name}"
        suffix = "" if name == "production" else f"-{name}"
        assert plain == inputs["name"]
        watched = {f"{service.name}-errors{suffix}", f"{service.name}-latency{suffix}"}
        assert set(inputs["alarms"]["alarmNames"]) == watched
        assert inputs["alarms"]["rollback"] is True
        assert not [alarm for alarm in inputs["alarms"]["alarmNames"] if "running" in alarm]


def test_callers_are_deployed_after_their_callees() -> None:
    run = stacks.stack("staging")
    urns = {each.name: each.urn for each in run.of(SERVICE)}
    for caller, callee in EDGES:
        assert urns[callee] in set(run.one(SERVICE, caller).options.dependencies), (caller, callee)


def test_users_of_the_database_are_made_before_services_and_after_the_instance() -> None:
    run = stacks.stack("staging")
    operations = run.one(DEFINITION, "aex-operations")
    assert not operations.options.hooks.after_create
    instance = run.one("aws:docdb/clusterInstance:ClusterInstance")
    assert instance.urn in set(operations.options.dependencies)
    for service in run.of(SERVICE):
        assert operations.urn in set(service.options.dependencies)
        # Before, since the engine saves what a later hook failed for as done: the next deployment would pass it by.
        ran = ["aex-operations-staging-ran"] if service.name != "aex-gateway" else []
        assert list(service.options.hooks.before_create) == list(service.options.hooks.before_update) == ran
        rules = run.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        assert {rule.urn for rule in rules} <= set(service.options.dependencies), "a teardown stops tasks first"
    found = stacks.containers(operations)
    users = json.loads({each["name"]: each["value"] for each in found["environment"]}["DATABASE_USERS"])
    assert set(users) == {f"{each}-staging" for each in PORTS if each != "aex-gateway"}
    assert found["command"] == ["python", "-m", "aex", "database-users"]


def test_tasks_are_found_under_names_that_no_other_stack_has() -> None:
    for name, suffix in (("production", ""), ("staging", "-staging"), ("pr-12", "-pr-12")):
        for service in stacks.stack(name).of(SERVICE):
            connect = service.inputs["serviceConnectConfiguration"]
            assert connect["enabled"] is True
            if service.name == "aex-gateway":
                assert connect.get("services", []) == [], "only the load balancer calls the gateway"
                continue
            (offered,) = connect["services"]
            assert offered["discoveryName"] == f"{service.name}{suffix}"
            assert offered["clientAlias"] == [{"dnsName": service.name, "port": PORTS[service.name]}]
            assert offered["timeout"]["perRequestTimeoutSeconds"] == container.LONGEST_REQUEST_SECONDS


def test_production_keeps_two_tasks_of_everything_on_demand() -> None:
    run = stacks.stack("production")
    for service in run.of(SERVICE):
        assert service.inputs["desiredCount"] == 2
        assert len(service.inputs["networkConfiguration"]["subnets"]) == 2
        assert [each["capacityProvider"] for each in service.inputs["capacityProviderStrategies"]] == ["FARGATE"]
    for target in run.of("aws:appautoscaling/target:Target"):
        assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == (2, 10)


def test_elsewhere_spare_capacity_is_used_beside_one_reliable_task() -> None:
    strategies = stacks.stack("staging").one(SERVICE, "aex-gateway").inputs["capacityProviderStrategies"]
    assert [(each["capacityProvider"], each["base"], each["weight"]) for each in strategies] == [
        ("FARGATE", 1, 0),
        ("FARGATE_SPOT", 0, 1),
    ]


def test_config_changes_one_service_at_a_time() -> None:
    changed = {
        "sizes": {"aex-settlement": {"cpu": 1024, "memory": 4096}},
        "scaling": {"aex-settlement": {"fixed": 3}, "aex-identity": {"minimum": 2, "maximum": 4}},
        "restart": {"aex-telemetry": "2026-11-24"},
        "architecture": "arm64",
    }
    run = stacks.run_of(stacks.settings_of("staging", changed))
    definition = run.one(DEFINITION, "aex-settlement").inputs
    assert (definition["cpu"], definition["memory"]) == ("1024", "4096")
    assert definition["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    fixed = run.one(SERVICE, "aex-settlement")
    assert fixed.inputs["desiredCount"] == 3
    assert list(fixed.options.ignoreChanges) == []
    assert "aex-settlement" not in {each.name for each in run.of("aws:appautoscaling/target:Target")}
    target = run.one("aws:appautoscaling/target:Target", "aex-identity").inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 4)
    restarts = {each.name: each.inputs["triggers"]["restart"] for each in run.of(SERVICE)}
    assert {name for name, token in restarts.items() if token != "never"} == {"aex-telemetry"}


def test_a_new_callee_restarts_its_callers_once_and_nobody_else() -> None:
    """Tasks that run already do not see a name that Service Connect learns later."""

    def calls(service: Service) -> str:
        run = declared(
            lambda: parts.Root(lambda opts, _: AwsService(parts.context(), service, parts.service_args(), opts))
        )
        inputs = run.one(SERVICE).inputs
        assert inputs["forceNewDeployment"] is True, "without it the triggers do nothing"
        return inputs["triggers"]["calls"]

    registry, settlement = CATALOG.service("aex-provider-registry"), CATALOG.service("aex-settlement")
    new = Call("aex-settlement", "SETTLEMENT_URL", "who pays")
    assert calls(registry) == "aex-trust-broker"
    assert calls(replace(registry, calls=(new, *registry.calls))) == "aex-settlement aex-trust-broker"
    # The same set, in another order or for another purpose, restarts nothing; nor does being called.
    reordered = replace(registry, calls=(*registry.calls, new))
    assert calls(reordered) == "aex-settlement aex-trust-broker"
    assert calls(settlement) == "nobody"


def test_triggers_are_the_same_from_one_deployment_to_the_next() -> None:
    for service in stacks.stack("production").of(SERVICE):
        callees = sorted(callee for caller, callee in EDGES if caller == service.name)
        assert service.inputs["triggers"] == {"restart": "never", "calls": " ".join(callees) or "nobody"}
