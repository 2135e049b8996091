"""The strict mocks detect what they promise to detect."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_gcp as gcp
import pulumi_random as random
import pytest

from tests.infra.mocks import Run, StrictError, declared
from tests.infra.secrets_in_inputs import SECRET_MARK


class Owner(pulumi.ComponentResource):
    """A component that declares what it is told to."""

    def __init__(self, name: str, build: Callable[[pulumi.ResourceOptions], object], *, finish: bool = True) -> None:
        super().__init__("test:index:Owner", name)
        build(pulumi.ResourceOptions(parent=self))
        if finish:
            self.register_outputs({})


def component(build: Callable[[pulumi.ResourceOptions], object]) -> Run:
    return declared(lambda: Owner("owner", build))


def objection(build: Callable[[pulumi.ResourceOptions], object]) -> str:
    with pytest.raises(StrictError) as caught:
        component(build)
    return str(caught.value)


def test_a_sound_program_passes_and_can_be_read() -> None:
    def program() -> None:
        def build(options: pulumi.ResourceOptions) -> None:
            cluster = aws.ecs.Cluster("cluster", name="aex-cluster", opts=options)
            aws.ecs.Service(
                "service",
                cluster=cluster.arn,
                desired_count=2,
                deployment_circuit_breaker={"enable": True, "rollback": True},
                network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(subnets=["a", "b"]),
                tags={"anything": "goes"},
                opts=options,
            )

        Owner("owner", build)
        pulumi.export("answer", 42)

    found = declared(program)
    service = found.one("aws:ecs/service:Service")
    assert service.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service.inputs["cluster"] == "arn:aws:ecs:us-east-1:123456789012:cluster"
    assert service.inputs["desiredCount"] == 2
    assert service.parent.endswith("test:index:Owner::owner")
    assert found.inventory() == {"aws:ecs/cluster:Cluster": 1, "aws:ecs/service:Service": 1}
    assert found.outputs == {"answer": 42}


def test_an_unknown_argument_in_a_nested_dictionary() -> None:
    wrong: Any = {"enabled": True}
    text = objection(lambda options: aws.ecs.Service("service", deployment_circuit_breaker=wrong, opts=options))
    assert "deploymentCircuitBreaker.enabled is not an argument (known: enable, rollback)" in text
    assert "deploymentCircuitBreaker.enable is missing" in text


def test_an_unknown_argument_deep_inside_on_google() -> None:
    wrong: Any = {"containers": [{"image": "x", "resources": {"cpu_idel": True}}]}
    text = objection(
        lambda options: gcp.cloudrunv2.Service("service", location="us-central1", template=wrong, opts=options)
    )
    assert "template.containers[0].resources.cpu_idel is not an argument" in text


def test_an_unknown_keyword() -> None:
    wrong: dict[str, Any] = {"nmae": "x"}
    text = objection(lambda options: aws.ecs.Cluster("cluster", **wrong, opts=options))
    assert "unexpected keyword argument 'nmae'" in text


@pytest.mark.parametrize(
    ("kind", "wrong", "problem"),
    [
        (aws.ecs.Service, {"desired_count": "two"}, "desiredCount is the text 'two', not a whole number"),
        (aws.ecs.Service, {"desired_count": 1.5}, "desiredCount is the number 1.5, not a whole number"),
        (aws.ecs.Service, {"wait_for_steady_state": "yes"}, "waitForSteadyState is the text 'yes', not a boolean"),
        (aws.ecs.Service, {"propagate_tags": ["x"]}, "type <class 'str'>, value ['x']"),
        (aws.ecs.Service, {"tags": {"a": 1}}, "tags.a is the number 1, not a text"),
        (aws.ec2.Subnet, {"vpc_id": {"a": "b"}}, "vpcId is an object, not a text"),
        (aws.ecs.Service, {"load_balancers": {"a": "b"}}, "loadBalancers is an object, not a list"),
    ],
)
def test_a_value_of_the_wrong_kind(kind: Callable[..., object], wrong: dict[str, Any], problem: str) -> None:
    assert problem in objection(lambda options: kind("resource", **wrong, opts=options))


def test_two_resources_with_one_urn() -> None:
    def build(options: pulumi.ResourceOptions) -> None:
        aws.ecs.Cluster("cluster", opts=options)
        aws.ecs.Cluster("cluster", opts=options)

    assert "test:index:Owner$aws:ecs/cluster:Cluster::cluster is declared twice" in objection(build)


def test_a_resource_without_a_component_above_it() -> None:
    with pytest.raises(StrictError, match="Cluster::cluster has no parent: give it ResourceOptions"):
        declared(lambda: aws.ecs.Cluster("cluster"))


def test_a_provider_needs_no_component() -> None:
    assert declared(lambda: aws.Provider("aws", region="us-east-1")).inventory() == {"pulumi:providers:aws": 1}


def test_a_component_that_never_finishes() -> None:
    with pytest.raises(StrictError, match="Owner::owner never calls register_outputs"):
        declared(lambda: Owner("owner", lambda _: None, finish=False))


@pytest.mark.parametrize(
    ("decide", "problem"),
    [
        (lambda output: 1 if output else 2, "a decision is taken on an output"),
        (lambda output: output == "x", "an output is compared with 'x'"),
        (lambda output: output in ["x"], "an output is compared with 'x'"),
        (lambda output: f"name-{output}", "the program failed: _OutputToStringError"),
    ],
)
def test_a_decision_on_a_value_that_is_not_known(decide: Callable[[object], object], problem: str) -> None:
    assert problem in objection(lambda options: decide(aws.ecs.Cluster("cluster", opts=options).arn))


def test_a_resource_that_a_preview_does_not_show() -> None:
    def build(options: pulumi.ResourceOptions) -> None:
        first = aws.ecs.Cluster("first", opts=options)
        first.arn.apply(lambda arn: aws.ecs.Cluster("second", name=arn[:3], opts=options))

    assert "::second is declared only once values are known" in objection(build)


def test_a_generated_secret_in_plain_text() -> None:
    def build(options: pulumi.ResourceOptions) -> None:
        password = random.RandomPassword("password", length=32, opts=options)
        leaked = pulumi.Output.unsecret(password.result)
        aws.ecs.Cluster("cluster", tags={"password": leaked}, opts=options)

    assert "Cluster::cluster: tags.password carries a secret in plain text" in objection(build)


def test_a_generated_secret_that_stays_one() -> None:
    def build(options: pulumi.ResourceOptions) -> None:
        password = random.RandomPassword("password", length=32, opts=options)
        uri = pulumi.Output.concat("mongodb://aex:", password.result, "@db")
        aws.secretsmanager.SecretVersion("version", secret_id="x", secret_string=uri, opts=options)

    version = component(build).one("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == f"mongodb://aex:{SECRET_MARK}password.result@db"
    assert version.secrets == {"secretString"}


@pytest.mark.parametrize(
    "build",
    [
        lambda options: aws.ecs.TaskDefinition(
            "task",
            family="aex",
            container_definitions='[{"environment": [{"name": "MONGO_URI", "value": "mongodb://u:p@db"}]}]',
            opts=options,
        ),
        lambda options: gcp.cloudrunv2.Service(
            "service",
            location="us-central1",
            template={"containers": [{"image": "x", "envs": [{"name": "MONGO_URI", "value": "mongodb://u:p@db"}]}]},
            opts=options,
        ),
    ],
)
def test_a_secret_environment_variable_in_plain_text(build: Callable[[pulumi.ResourceOptions], object]) -> None:
    assert "sets the environment variable MONGO_URI in plain text" in objection(build)


def test_a_function_without_an_answer() -> None:
    assert "function aws:index/getRegion:getRegion is called" in objection(
        lambda options: aws.ecs.Cluster("cluster", name=aws.get_region_output().region, opts=options)
    )


def test_a_function_with_an_answer_and_outputs_of_a_resource() -> None:
    def build(options: pulumi.ResourceOptions) -> None:
        zone = aws.get_availability_zones_output().names[0]
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=options)
        aws.ec2.Subnet("subnet", vpc_id=vpc.id, availability_zone=zone, tags={"group": vpc.default_security_group_id})

    def program() -> None:
        Owner("owner", lambda options: build(options))

    with pytest.raises(StrictError, match="subnet has no parent"):
        declared(
            program,
            answers={"aws:index/getAvailabilityZones:getAvailabilityZones": lambda _: {"names": ["us-east-1a"]}},
            outputs=lambda resource: {"defaultSecurityGroupId": "sg-1"} if resource.name == "vpc" else {},
        )


def test_the_configuration_of_the_stack_is_seen() -> None:
    def program() -> None:
        pulumi.export("found", f"{pulumi.Config('agent-exchange').require('colour')} in {pulumi.get_stack()}")

    assert declared(program, stack="pr-1", config={"agent-exchange:colour": "red"}).outputs == {"found": "red in pr-1"}
