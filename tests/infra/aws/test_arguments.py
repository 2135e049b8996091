"""What components refuse, before anything is declared below them, and what they say to do instead."""

import pulumi
import pytest

from infra.aws.addresses import plan
from infra.aws.atlas import Atlas
from infra.aws.certificate import Certificate
from infra.aws.container import ContainerArgs
from infra.aws.dashboard import Dashboard
from infra.aws.firewall import Firewall
from infra.aws.iam import Statement
from infra.aws.monitoring import Watched
from infra.aws.network import Network
from infra.aws.registry import Registry
from infra.aws.scaling import Scaling
from infra.aws.service import Tasks
from infra.components.catalog import CATALOG
from infra.components.model import Service
from tests.infra.aws import parts
from tests.infra.aws.parts import DOOR, GATEWAY, IDENTITY, KEY, TOPIC, ZONES, context
from tests.infra.mocks import run

HANDED = {
    "two zones or more": (lambda: plan("10.20.0.0/16", 1), "use 2 to 4"),
    "four zones or fewer": (lambda: plan("10.20.0.0/16", 5), "use 2 to 4"),
    "a place in one zone": (lambda: parts.place(private_subnets=["subnet-1"]), "1 private subnets: give one in each"),
    "a cpu and memory that Fargate lacks": (lambda: parts.service_args(cpu=256, memory_mb=4096), "256 CPU units"),
    "tasks in one zone": (lambda: parts.service_args(subnets=["subnet-1"]), "1 subnets: give one in each"),
    "a door without a target group": (lambda: parts.service_args(door=DOOR), "give both for the public service"),
    "a target group without a door": (lambda: parts.service_args(target_group="arn:tg"), "give both for the public"),
    "fewer tasks at most than at least": (
        lambda: Tasks(minimum=3, maximum=2, fixed=False),
        "give a minimum from 0 up to the maximum",
    ),
    "less than no task": (lambda: Tasks(minimum=-1, maximum=2, fixed=False), "give a minimum from 0"),
    "a fixed range": (lambda: Tasks(minimum=1, maximum=2, fixed=True), "give the same number twice"),
    "no memory but the proxy's": (lambda: container(memory_mb=64), "give at least 512"),
    "a variable twice": (
        lambda: container(environment={"PORT": "1"}, secrets={"PORT": "arn"}),
        "PORT in clear and by reference: give each variable once",
    ),
    "a door to what is not public": (
        lambda: parts.ingress_args(service=IDENTITY),
        "aex-identity is not public: put the load balancer in front of",
    ),
    "users without the master's password": (lambda: parts.operations_args(secrets=[]), "give its ARN among secrets"),
    "a port that nobody listens at": (lambda: parts.surroundings(clients=(8080,)), "give one or both"),
    "no way in": (lambda: parts.surroundings(clients=()), "give one or both"),
    "two databases": (lambda: parts.surroundings(atlas_cidr="192.168.0.0/21"), "give the cluster's group or Atlas's"),
    "nothing to watch": (
        lambda: Watched(services={}, door=DOOR, database=None, nat_gateways=()),
        "deploy the services first",
    ),
    "every action": (lambda: Statement(sid="All", actions=["*"], resources=["*"]), "name the ones that are needed"),
}
"""Arguments -> (how to make them, what the error says to do)."""

BUILT = {
    "Atlas without a peering": (
        lambda opts, root: Atlas(context(), parts.own_network(root), opts),
        "set aws.database.atlasPeering and atlasCidr",
    ),
    "a certificate without a zone": (
        lambda opts, _: Certificate(context(), "aex.example.org", None, opts),
        "give zone_id, or set aws.certificateArn",
    ),
    "a firewall that is off": (
        lambda opts, _: Firewall(context(), "arn:alb", KEY, opts),
        "set it to count or block, or declare no firewall",
    ),
    "a zone twice": (lambda opts, _: Network(context(), [ZONES[0]] * 2, KEY, opts), "name each once"),
    "one zone": (lambda opts, _: Network(context(), ZONES[:1], KEY, opts), "use 2 to 4"),
    "no repository": (lambda opts, _: Registry(context(), [], KEY, opts), "name at least one service"),
    "a repository twice": (
        lambda opts, _: Registry(context(), ["aex-identity"] * 2, KEY, opts),
        "name at least one service, and each once",
    ),
    "a scaler of a fixed number": (
        lambda opts, root: scaler(IDENTITY, Tasks(minimum=2, maximum=2, fixed=True), root, opts),
        "declare no scaler, or give it a range",
    ),
    "requests to a service that is not public": (
        lambda opts, root: Scaling(
            context(), IDENTITY, parts.RANGE, parts.deployed(root), requests_label="a/b", opts=opts
        ),
        "give a label to the public service only",
    ),
    "the public service without its requests": (
        lambda opts, root: Scaling(
            context(), GATEWAY, parts.RANGE, parts.deployed(root), requests_label=None, opts=opts
        ),
        "give a label to the public service only",
    ),
    "more alarms than a widget shows": (
        lambda opts, _: Dashboard(context(), CATALOG, DOOR, None, [TOPIC] * 101, opts),
        "show at most 100",
    ),
}
"""The same for components without a type of arguments of their own."""


def scaler(of: Service, tasks: Tasks, root: pulumi.Resource, opts: pulumi.ResourceOptions) -> Scaling:
    return Scaling(context(), of, tasks, parts.deployed(root), requests_label=None, opts=opts)


def container(**changed: object) -> ContainerArgs:
    given: dict[str, object] = {
        "name": "aex-x",
        "image": "x",
        "memory_mb": 512,
        "port": 8080,
        "environment": {},
        "secrets": {},
        "command": ["x"],
        "log_group": "/x",
        "region": "us-east-1",
    }
    return ContainerArgs(**{**given, **changed})  # pyright: ignore[reportArgumentType] - wrong ones are the point


@pytest.mark.parametrize("what", list(HANDED))
def test_bad_arguments_are_refused_with_the_remedy(what: str) -> None:
    make, remedy = HANDED[what]
    with pytest.raises(ValueError, match=r".") as caught:
        make()
    assert remedy in str(caught.value)


@pytest.mark.parametrize("what", list(BUILT))
def test_a_component_refuses_what_it_cannot_build_before_anything_is_declared_below_it(what: str) -> None:
    build, remedy = BUILT[what]
    said: list[str] = []

    def refused(opts: pulumi.ResourceOptions, root: pulumi.Resource) -> pulumi.ComponentResource:
        with pytest.raises(ValueError, match=r".") as caught:
            build(opts, root)
        said.append(str(caught.value))
        return pulumi.ComponentResource("test:aws:Nothing", "nothing", None, opts)

    made = run(lambda: parts.Root(refused), stack="staging", preview=True, answers={})
    assert remedy in said[0]
    tops = [each for each in made.resources if each.type.startswith("agent-exchange:aws:") and parts.below_root(each)]
    refused_one = tops[-1].urn  # what it needs comes first
    assert not [each.urn for each in made.resources if each.parent == refused_one]
