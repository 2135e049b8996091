"""A stack `staging` in moto: what a deployment leaves behind, as far as the operator's tools look at it."""

from __future__ import annotations

from typing import Any

import boto3

from infra.components.catalog import CATALOG
from tests.infra.ops.bench import Bench

ACCOUNT = "123456789012"
TAGS = {"project": "agent-exchange", "stack": "staging", "environment": "staging", "managed-by": "pulumi"}
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1")  # pyright: ignore[reportCallIssue, reportArgumentType]


def tags(upper: bool = True) -> list[dict[str, str]]:
    """The stack's tags, with the keys that most services want, or those of ECS."""
    names = ("Key", "Value") if upper else ("key", "value")
    return [dict(zip(names, pair, strict=True)) for pair in TAGS.items()]


def configured(bench: Bench, **aws: Any) -> None:
    """The config of the stack."""
    bench.config("staging", clouds=["aws"], aws__region="us-east-1", aws=aws)


def image(service: str, digest: str) -> str:
    return f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/agent-exchange/{service}-staging@{digest}"


def defined(service: str, digest: str) -> str:
    """A revision of a service's task definition; its ARN."""
    container = {"name": service, "image": image(service, digest), "memory": 448, "cpu": 0}
    answer = client("ecs").register_task_definition(
        family=f"{service}-staging",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    return answer["taskDefinition"]["taskDefinitionArn"]


def deployed(bench: Bench) -> None:
    """Ten services in their cluster, each with a revision before the one that runs."""
    configured(bench)
    ecs = client("ecs")
    ecs.create_cluster(clusterName="aex-cluster-staging", tags=tags(upper=False))
    for service in CATALOG.names:
        old = defined(service, OLD)
        new = defined(service, NEW)
        ecs.deregister_task_definition(taskDefinition=old)
        ecs.create_service(
            cluster="aex-cluster-staging",
            serviceName=f"{service}-staging",
            taskDefinition=new,
            desiredCount=1,
            launchType="FARGATE",
            tags=tags(upper=False),
        )
        bench.own("aws:ecs/service:Service", service, f"arn:{service}")
    bench.outputs["aws"] = {"gatewayUrl": "http://127.0.0.1:1", "apiKey": "k", "cluster": "aex-cluster-staging"}


def running(service: str, count: int) -> None:
    """Say that so many tasks of a service run: moto starts none for a service."""
    from moto.core.base_backend import BackendDict
    from moto.ecs.models import ecs_backends

    backends: BackendDict[Any] = ecs_backends  # pyright: ignore[reportAssignmentType]
    (found,) = [each for each in backends[ACCOUNT]["us-east-1"].services.values() if each.name == f"{service}-staging"]
    found.running_count = count
    for deployment in found.deployments:
        deployment["rolloutState"] = "COMPLETED"
