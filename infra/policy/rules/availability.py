"""Production survives the loss of a task and of an availability zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.config import Environment
from infra.policy.model import About, Place, Resource, Stack, resource_rule, stack_rule

_PRODUCTION: Final = frozenset({Environment.PRODUCTION})
_LEAST: Final = 2


@resource_rule(
    About(
        id="aws-two-tasks",
        place=Place.AWS,
        reason="with one task, every restart and every lost host is an outage",
        remedy="set agent-exchange:aws.minimumInstances to 2 or more",
        environments=_PRODUCTION,
    ),
    "aws:ecs/service:Service",
    "aws:appautoscaling/target:Target",
)
def two_tasks(resource: Resource, _: Stack) -> Iterator[str]:
    """Every service has two tasks at least."""
    count = resource.properties.number("desiredCount" if resource.type.endswith(":Service") else "minCapacity")
    if count is not None and count < _LEAST:
        yield f"there may be only {count:g} tasks"


@resource_rule(
    About(
        id="aws-two-zones",
        place=Place.AWS,
        reason="availability zones fail as a whole",
        remedy="name subnets in two availability zones",
        environments=_PRODUCTION,
    ),
    "aws:ecs/service:Service",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:docdb/subnetGroup:SubnetGroup",
)
def two_zones(resource: Resource, _: Stack) -> Iterator[str]:
    """Tasks, load balancer and database have subnets in two zones; ECS spreads by itself."""
    path = {"aws:ecs/service:Service": "networkConfiguration.subnets", "aws:docdb/subnetGroup:SubnetGroup": "subnetIds"}
    if resource.properties.count(path.get(resource.type, "subnets")) < _LEAST:
        yield "it is in one availability zone"
    if resource.properties.text("availabilityZoneRebalancing") == "DISABLED":
        yield "tasks stay in one availability zone"


@stack_rule(
    About(
        id="aws-docdb-two-instances",
        place=Place.AWS,
        reason="with one instance the database is away until AWS has made another",
        remedy="set agent-exchange:aws.database.instances to 2 or more",
        environments=_PRODUCTION,
    ),
    "aws:docdb/cluster:Cluster",
    "aws:docdb/clusterInstance:ClusterInstance",
)
def docdb_two_instances(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """The database has instances in two zones."""
    for cluster in (each for each in resources if each.type.endswith(":Cluster")):
        instances = [each for each in resources if each.refers_to(cluster, "clusterIdentifier")]
        zones = {each.properties.text("availabilityZone") or each.urn for each in instances}
        if len(zones) < _LEAST:
            yield cluster, f"the database has instances in {len(zones)} availability zone"


RULES = (two_tasks, two_zones, docdb_two_instances)
