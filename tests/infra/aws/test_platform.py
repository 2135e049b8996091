"""Rules that hold for every stack: names, tags, outputs, what is protected, what stops before anything is declared."""

from typing import Any

import pytest
from pulumi import _types as sdk

from infra.config import ConfigError
from tests.infra import arguments
from tests.infra.aws import stacks
from tests.infra.components.expected import PORTS
from tests.infra.mocks import Run, run

SERVICE = "aws:ecs/service:Service"


LONG = [f"pr-a-branch-with-a-very-long-name-indeed-{end}" for end in ("one", "two")]


@pytest.mark.parametrize("name", ["staging", "production", "pr-12", "bootstrap"])
def test_every_resource_that_can_be_tagged_is(name: str) -> None:
    run = stacks.bootstrap() if name == "bootstrap" else stacks.stack(name)
    for resource in run.resources:
        described = arguments.resource_class(resource.type) if resource.custom else None
        inputs = arguments.arguments_class(described) if described else None
        kinds = sdk.input_type_types(inputs) if inputs else {}
        if "tags" in kinds and resource.type.startswith("aws:"):
            tags = resource.inputs.get("tags", {})
            assert {"project", "stack", "environment", "managed-by"} <= set(tags), resource.urn
            assert tags["stack"] == name


def test_services_are_told_apart_on_the_bill() -> None:
    run = stacks.stack("production")
    for token in (SERVICE, "aws:ecs/taskDefinition:TaskDefinition", "aws:ecr/repository:Repository"):
        tagged = {each.inputs["tags"].get("service") for each in run.of(token)} - {None}
        assert tagged == set(PORTS)
    assert all(each.inputs["propagateTags"] == "SERVICE" for each in run.of(SERVICE))


def names_of(run: Run) -> set[tuple[str, str]]:
    """(type, physical name) of everything whose name must be unique in an account."""
    keys = {"aws:ecs/taskDefinition:TaskDefinition": "family", "aws:s3/bucket:Bucket": "bucket"}
    keys |= {
        "aws:docdb/cluster:Cluster": "clusterIdentifier",
        "aws:docdb/clusterInstance:ClusterInstance": "identifier",
    }
    keys |= {"aws:cloudwatch/dashboard:Dashboard": "dashboardName"}
    keys |= {"aws:cloudwatch/compositeAlarm:CompositeAlarm": "alarmName"}
    own = {"aws:iam/rolePolicy:RolePolicy", "aws:route53/record:Record"}
    return {
        (each.type, each.inputs[keys.get(each.type, "name")])
        for each in run.resources
        if each.custom and each.type not in own and keys.get(each.type, "name") in each.inputs
    }


def test_two_long_stack_names_live_side_by_side() -> None:
    """Own clusters, so that everything that has a name is among them."""
    own = {"database": {"kind": "documentdb"}}
    first, second = (names_of(stacks.run_of(stacks.settings_of(name, own))) for name in LONG)
    assert first & second == set()
    assert len(first) > 150


def test_production_has_the_guides_bare_names() -> None:
    names = {name for _, name in names_of(stacks.stack("production"))}
    assert {
        "aex-gateway",
        "agent-exchange/aex-gateway",
        "/ecs/agent-exchange/aex-gateway",
        "aex-jwt-secret",
        "aex-api-key-salt",
        "aex-cluster",
        "aex-alb",
        "aex-docdb",
        "aex-docdb-subnet-group",
        "aex-docdb-sg",
    } <= names


@pytest.mark.parametrize(
    ("aws", "function", "message"),
    [
        ({"domain": "aex.example.org"}, "aws:route53/getZone:getZone", "no public Route 53 zone example.org"),
        (
            {"database": {"kind": "atlas", "atlasCidr": "192.168.248.0/21", "atlasPeering": "pcx-0123456789abcdef0"}},
            "aws:secretsmanager/getSecret:getSecret",
            "create it with `aws secretsmanager create-secret --name aex-mongo-uri-staging",
        ),
    ],
)
def test_what_is_missing_in_the_account_stops_before_anything_is_declared(
    aws: dict[str, Any], function: str, message: str
) -> None:
    from infra.aws.platform import build

    def missing(_: object) -> dict[str, Any]:
        raise RuntimeError("couldn't find resource")

    def program() -> None:
        with pytest.raises(ConfigError) as caught:
            build(stacks.settings_of("staging", aws))
        said.append(str(caught.value))

    said: list[str] = []
    answers = {**stacks.ANSWERS, function: missing}
    assert run(program, stack="staging", answers=answers, preview=False).resources == []
    assert message in said[0]


def test_outputs_say_where_everything_is_and_keep_secrets_secret() -> None:
    found = stacks.stack("production").outputs["aws"]
    assert set(found["services"]) == set(found["registry"]) == set(found["names"]) == set(PORTS)
    assert set(found["logs"]) == {*PORTS, "aex-operations"}
    assert {"gatewayUrl", "database", "cluster", "roles", "dashboard", "apiKey", "foundation"} <= set(found)
    assert not [key for key in found if "password" in key.lower()]


def test_what_holds_data_is_protected_in_production_only() -> None:
    protected = {each.type for each in stacks.stack("production").resources if each.options.protect and each.custom}
    assert {
        "aws:docdb/cluster:Cluster",
        "aws:ecr/repository:Repository",
        "aws:kms/key:Key",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "random:index/randomBytes:RandomBytes",
        "random:index/randomPassword:RandomPassword",
    } == protected
