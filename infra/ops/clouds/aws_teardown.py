"""What a teardown on AWS takes with it, what stands in its way, and what is left of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, physical_name
from infra.components.tags import PROJECT
from infra.ops.clouds import aws_operations
from infra.ops.clouds.answers import Json, inside, items, last, number, text
from infra.ops.clouds.aws_api import AwsApi, AwsRefusal
from infra.ops.clouds.cloud import Place
from infra.ops.clouds.side_by_side import at_once
from infra.ops.model import Leftover, Loss, StackResource

OPERATIONS: Final = "aex-operations"
_FINAL: Final = "a final snapshot stays, until somebody deletes it"
_WAITS: Final = "can be restored for 30 days"
_MOST_OBJECTS: Final = 1000


def losses(place: Place, api: AwsApi) -> list[Loss]:
    """Everything of the stack that holds data, with what is in it now."""
    protect = place.settings.protect
    found = [_database(api, each, protect) for each in _of(place, "aws:docdb/cluster:Cluster")]
    if place.settings.aws is not None and place.settings.aws.database.kind.value == "shared":
        owner = place.settings.aws.database.owner
        found.append(Loss("databases", f"in {owner}'s cluster", "one a service", ""))
    found += at_once(lambda each: _bucket(api, each), _of(place, "aws:s3/bucket:Bucket"))
    repositories = _of(place, "aws:ecr/repository:Repository")
    if repositories:
        images = sum(at_once(lambda each: _images(api, each.id), repositories))
        found.append(Loss("images", f"{len(repositories)} repositories", f"{images} images", ""))
    secrets = _of(place, "aws:secretsmanager/secret:Secret")
    if secrets:
        names = f"{len(secrets)} secrets"
        found.append(Loss("secrets", names, "generated values", _WAITS if protect else ""))
    groups = _of(place, "aws:cloudwatch/logGroup:LogGroup")
    if groups:
        stored = sum(at_once(lambda each: _stored(api, each.id), groups))
        found.append(Loss("logs", f"{len(groups)} log groups", f"{stored / 1e6:.1f} MB", ""))
    return found


def obstacles(place: Place, api: AwsApi) -> list[str]:
    """Other stacks whose security groups are in this one's network: it cannot be deleted under them."""
    found: set[str] = set()
    for vpc in _of(place, "aws:ec2/vpc:Vpc"):
        filters = [{"Name": "vpc-id", "Values": [vpc.id]}]
        for group in api.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=filters):
            tags = _tags(group, "Tags")
            if tags.get("project") == PROJECT and tags.get("stack") not in (None, place.stack):
                found.add(tags["stack"])
    return [
        f"stack {other} lives in the network of {place.stack}: tear it down first, `aexctl teardown --stack {other}`"
        for other in sorted(found)
    ]


def make_way(api: AwsApi, cluster: str, stack: str) -> Iterator[str]:
    """Stops the operators' tasks that still run: each holds an address in a subnet, which then cannot be deleted."""
    try:
        tasks = aws_operations.running(api, cluster, physical_name(OPERATIONS, stack, Kind.ECS))
    except AwsRefusal as error:
        if error.missing:
            return
        raise
    for task in tasks:
        api.call("ecs", "stop_task", cluster=cluster, task=task, reason="teardown of the stack")
        yield f"stopped task {last(task)}"


def leftovers(api: AwsApi, stack: str) -> list[Leftover]:
    """Everything with the stack's tags that still exists, and log groups that somebody made again."""
    filters = [{"Key": "project", "Values": [PROJECT]}, {"Key": "stack", "Values": [stack]}]
    tagged = api.pages("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    found = [
        each for each in at_once(lambda arn: _left(api, arn), (text(each, "ResourceARN") for each in tagged)) if each
    ]
    wanted = {physical_name(f"/ecs/agent-exchange/{name}", stack, Kind.LOG_GROUP) for name in CATALOG.names}
    named = {each.name for each in found}
    for group in api.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix="/ecs/agent-exchange/"):
        name = text(group, "logGroupName")
        if name in wanted and name not in named:
            found.append(Leftover("logs log-group", name))
    return sorted(found, key=lambda each: (bool(each.waiting), each.kind, each.name))


def _left(api: AwsApi, arn: str) -> Leftover | None:
    """What the ARN stands for; None when it only has not left the index of tags yet."""
    _, _, service, _, _, rest = arn.split(":", 5)
    if service == "logs":
        return Leftover("logs log-group", rest.removeprefix("log-group:").removesuffix(":*"))
    kind = f"{service} {rest.replace(':', '/').split('/')[0]}" if "/" in rest or ":" in rest else service
    name = rest.split("/", 1)[-1] if "/" in rest else rest.rpartition(":")[2] or rest
    look = _LOOKS.get((service, rest.replace(":", "/").split("/")[0])) or _LOOKS.get((service, ""))
    if look is None:
        return Leftover(kind, name)
    try:
        waiting = look(api, arn)
    except AwsRefusal as error:
        if error.missing or "does not exist" in error.what:
            return None
        return Leftover(kind, f"{name} (cannot be looked at: {error.name})")
    return None if waiting is None else Leftover(kind, name, waiting)


def _key(api: AwsApi, arn: str) -> str | None:
    metadata = inside(api.call("kms", "describe_key", KeyId=arn), "KeyMetadata")
    if text(metadata, "KeyState") == "PendingDeletion":
        return f"is deleted on {_day(metadata.get('DeletionDate'))}"
    return ""


def _secret(api: AwsApi, arn: str) -> str | None:
    deleted = api.call("secretsmanager", "describe_secret", SecretId=arn).get("DeletedDate")
    return f"can be restored for 30 days from {_day(deleted)}" if deleted else ""


def _task_definition(api: AwsApi, arn: str) -> str | None:
    described = inside(api.call("ecs", "describe_task_definition", taskDefinition=arn), "taskDefinition")
    active = text(described, "status") == "ACTIVE"
    return "" if active else "inactive revision: AWS removes it by itself"


def _cluster(api: AwsApi, arn: str) -> str | None:
    found = items(api.call("ecs", "describe_clusters", clusters=[arn]), "clusters")
    return "" if found and text(found[0], "status") == "ACTIVE" else None


def _service(api: AwsApi, arn: str) -> str | None:
    cluster, name = arn.rsplit("/", 2)[1:]
    found = items(api.call("ecs", "describe_services", cluster=cluster, services=[name]), "services")
    return "" if found and text(found[0], "status") == "ACTIVE" else None


def _task(api: AwsApi, arn: str) -> str | None:
    found = items(api.call("ecs", "describe_tasks", cluster=arn.rsplit("/", 2)[1], tasks=[arn]), "tasks")
    return "" if found and text(found[0], "lastStatus") != "STOPPED" else None


def _nat_gateway(api: AwsApi, arn: str) -> str | None:
    found = items(api.call("ec2", "describe_nat_gateways", NatGatewayIds=[last(arn)]), "NatGateways")
    return "" if found and text(found[0], "State") not in ("deleted", "deleting") else None


def _snapshot(api: AwsApi, arn: str) -> str | None:
    return "final snapshot: stays, and is billed, until somebody deletes it"


_LOOKS: Final[dict[tuple[str, str], Callable[[AwsApi, str], str | None]]] = {
    ("kms", "key"): _key,
    ("secretsmanager", "secret"): _secret,
    ("ecs", "task-definition"): _task_definition,
    ("ecs", "cluster"): _cluster,
    ("ecs", "service"): _service,
    ("ecs", "task"): _task,
    ("ec2", "natgateway"): _nat_gateway,
    ("rds", "cluster-snapshot"): _snapshot,
}
"""Service and kind -> what tells whether it is really there: empty if so, a reason to wait, None if it has gone."""


def _of(place: Place, kind: str) -> list[StackResource]:
    return [each for each in place.state if each.type == kind and each.id]


def _database(api: AwsApi, resource: StackResource, protect: bool) -> Loss:
    found = api.call("docdb", "describe_db_clusters", DBClusterIdentifier=resource.id)
    cluster = items(found, "DBClusters")
    members = len(items(cluster[0], "DBClusterMembers")) if cluster else 0
    state = text(cluster[0], "Status") if cluster else "not found"
    now = datetime.now(UTC)
    used = api.call(
        "cloudwatch",
        "get_metric_statistics",
        Namespace="AWS/DocDB",
        MetricName="VolumeBytesUsed",
        Dimensions=[{"Name": "DBClusterIdentifier", "Value": resource.id}],
        StartTime=now - timedelta(days=1),
        EndTime=now,
        Period=86400,
        Statistics=["Maximum"],
    )
    sizes = [number(each, "Maximum") for each in items(used, "Datapoints")]
    size = f", {max(sizes) / 1e9:.1f} GB" if sizes else ""
    return Loss("DocumentDB", resource.id, f"{state}, {members} instances{size}", _FINAL if protect else "")


def _bucket(api: AwsApi, resource: StackResource) -> Loss:
    try:
        listed = api.call("s3", "list_objects_v2", Bucket=resource.id, MaxKeys=_MOST_OBJECTS)
    except AwsRefusal as error:
        return Loss("bucket", resource.id, f"cannot be looked into ({error.name})", "")
    count = number(listed, "KeyCount")
    more = " or more" if listed.get("IsTruncated") else ""
    return Loss("bucket", resource.id, f"{count}{more} objects", "")


def _images(api: AwsApi, repository: str) -> int:
    try:
        return len(api.pages("ecr", "describe_images", "imageDetails", repositoryName=repository))
    except AwsRefusal:
        return 0


def _stored(api: AwsApi, group: str) -> int:
    found = api.call("logs", "describe_log_groups", logGroupNamePrefix=group)
    return sum(number(each, "storedBytes") for each in items(found, "logGroups") if text(each, "logGroupName") == group)


def _tags(answer: Json, key: str) -> dict[str, str]:
    return {text(each, "Key"): text(each, "Value") for each in items(answer, key)}


def _day(value: object) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else "some day"


__all__ = ["leftovers", "losses", "make_way", "obstacles"]
