"""ECR, ECS, and the scaling of its services.

moto runs no tasks, so a service of it never gets steady. The stand-in moves moto's state on, as ECS does when all is
well: the wanted number of tasks runs the wanted task definition, each with a network interface in the service's subnets
and group (which is what keeps those from being deleted before the service). `unhealthy` names services whose new tasks
never get healthy: their first deployment fails (and is taken back here), a later one is rolled back to what ran before,
and is reported as done, as AWS does it. What it proves: the program's checks and its order; nothing about the
containers themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.ecs.models import ecs_backends

from infra.components.protocol import Plain, ProviderError
from tests.engine.standins.aws import guards
from tests.engine.standins.aws.account import ACCOUNT
from tests.engine.standins.aws.kind import AwsKind, Call, Facts, Row
from tests.engine.standins.traits import Name, Traits, Within, fixed

unhealthy: set[str] = set()
"""Physical names of services whose tasks do not get healthy; tests fill and empty it."""

_DEPLOYMENT = {
    "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
    "deploymentMaximumPercent": "maximumPercent",
    "deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "alarms": "alarms",
}
_ONLY_PROVIDER = fixed("waitForSteadyState", "sigintRollback", "triggers", "forceNewDeployment")
_NOT_AT_UPDATES = ("tags", "schedulingStrategy", "deploymentController", "name", "cluster")


def _service(inputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """The inputs as ECS's parameters divide them."""
    rest = {key: value for key, value in inputs.items() if key not in _DEPLOYMENT}
    deployment: dict[str, Plain] = {_DEPLOYMENT[key]: value for key, value in inputs.items() if key in _DEPLOYMENT}
    network = rest.get("networkConfiguration")
    if isinstance(network, dict):
        public = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
        rest["networkConfiguration"] = {"awsvpcConfiguration": {**network, "assignPublicIp": public}}
    if deployment:
        rest["deploymentConfiguration"] = deployment
    return rest


def _steady(kind: AwsKind, facts: Facts) -> None:
    """All tasks run. Raises when those of the first deployment do not get healthy."""
    service, name = _backend(kind, facts), str(facts["name"])
    if name in unhealthy:
        if service.deployments[0].get("runningCount"):
            return  # rolled back: the service is steady, on what ran before
        raise ProviderError(f"{kind.token}: waiting for ECS Service ({facts['id']}) to be stable: deployment failed")
    service.running_count, service.pending_count = service.desired_count, 0
    service.deployments[0] |= {
        "taskDefinition": facts["taskDefinition"],
        "desiredCount": service.desired_count,
        "runningCount": service.desired_count,
        "pendingCount": 0,
        "rolloutState": "COMPLETED",
        "rolloutStateReason": "deployment completed",
    }
    network = facts["networkConfiguration"]
    guards.unplug(kind, facts["id"])
    subnets = network["subnets"]
    where = [subnets[number % len(subnets)] for number in range(service.desired_count)]
    guards.plug_in(kind, facts["id"], where, network["securityGroups"])


def _backend(kind: AwsKind, facts: Facts) -> Any:
    backend = ecs_backends[ACCOUNT][kind.account.region]
    return backend.services[f"{str(facts['cluster']).rpartition('/')[2]}:{facts['name']}"]


def _stop(kind: AwsKind, facts: Facts) -> None:
    kind.call("update_service", cluster=facts["cluster"], service=facts["id"], desiredCount=0)
    kind.call("delete_service", cluster=facts["cluster"], service=facts["id"])
    guards.unplug(kind, facts["id"])


def _definition(inputs: Mapping[str, Plain]) -> dict[str, Plain]:
    return {**inputs, "containerDefinitions": json.loads(str(inputs["containerDefinitions"]))}


def _no_revision(_kind: AwsKind, found: Any, _facts: Facts) -> Plain:
    return str(found["taskDefinitionArn"]).rpartition(":")[0]


def _no_images(kind: AwsKind, facts: Facts) -> None:
    force = bool(facts.get("forceDelete"))
    kind.call("delete_repository", repositoryName=facts["id"], force=force)


def _release(kind: AwsKind, facts: Facts) -> None:
    guards.cluster_is_empty(kind, {**facts, "id": facts["clusterName"]})
    kind.call(
        "put_cluster_capacity_providers",
        cluster=facts["clusterName"],
        capacityProviders=[],
        defaultCapacityProviderStrategy=[],
    )


_SCALED = {"ServiceNamespace": "{serviceNamespace}", "ScalableDimension": "{scalableDimension}"}

ROWS = {
    "aws:ecr/repository:Repository": Row(
        service="ecr",
        create=Call(
            "create_repository", {"name": "repositoryName", "encryptionConfigurations": "encryptionConfiguration"}
        ),
        echoed=fixed("forceDelete"),
        id="repository.repositoryName",
        read=("describe_repositories", {"repositoryNames": ["{id}"]}, "repositories[0]"),
        update=Call("put_image_tag_mutability", more={"repositoryName": "{id}"}),
        delete=_no_images,
        outputs={"arn": "repositoryArn", "repositoryUrl": "repositoryUri"},
        traits=Traits(
            name=Name(pattern=r"[a-z0-9]+(?:[._/-][a-z0-9]+)*", limit=256, lower=True),
            replace_on=fixed("name", "encryptionConfigurations"),
            cascades=True,
        ),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Row(
        service="ecr",
        create=Call("put_lifecycle_policy", {"repository": "repositoryName", "policy": "lifecyclePolicyText"}),
        id="{repository}",
        read=("get_lifecycle_policy", {"repositoryName": "{repository}"}, "@"),
        update=Call("put_lifecycle_policy", {"repository": "repositoryName", "policy": "lifecyclePolicyText"}),
        whole=True,
        delete=("delete_lifecycle_policy", {"repositoryName": "{repository}"}),
        traits=Traits(replace_on=fixed("repository"), within=(Within("repository", "aws:ecr/repository:Repository"),)),
    ),
    "aws:ecs/cluster:Cluster": Row(
        service="ecs",
        create=Call("create_cluster", {"name": "clusterName"}),
        id="cluster.clusterArn",
        read=("describe_clusters", {"clusters": ["{id}"]}, "clusters[?status=='ACTIVE']|[0]"),
        update=Call("update_cluster", more={"cluster": "{id}"}),
        delete=("delete_cluster", {"cluster": "{id}"}),
        outputs={"arn": "clusterArn", "name": "clusterName"},
        before_delete=guards.cluster_is_empty,
        traits=Traits(name=Name(pattern=r"[A-Za-z0-9_-]+", limit=255), replace_on=fixed("name")),
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Row(
        service="ecs",
        create=Call(
            "put_cluster_capacity_providers",
            {"clusterName": "cluster", "defaultCapacityProviderStrategies": "defaultCapacityProviderStrategy"},
        ),
        id="{clusterName}",
        read=("describe_clusters", {"clusters": ["{id}"]}, "clusters[?status=='ACTIVE']|[0]"),
        update=Call(
            "put_cluster_capacity_providers",
            {"clusterName": "cluster", "defaultCapacityProviderStrategies": "defaultCapacityProviderStrategy"},
        ),
        whole=True,
        delete=_release,
        traits=Traits(replace_on=fixed("clusterName")),
    ),
    # A revision is a thing of its own: its id is the ARN here, while the provider's is the family.
    "aws:ecs/taskDefinition:TaskDefinition": Row(
        service="ecs",
        create=Call("register_task_definition", prepare=_definition),
        echoed=fixed("skipDestroy", "trackLatest"),
        id="taskDefinition.taskDefinitionArn",
        read=("describe_task_definition", {"taskDefinition": "{id}"}, "taskDefinition"),
        delete=("deregister_task_definition", {"taskDefinition": "{id}"}),
        outputs={"arn": "taskDefinitionArn", "revision": "revision", "arnWithoutRevision": _no_revision},
        traits=Traits(
            replace_on=fixed(
                "family",
                "containerDefinitions",
                "cpu",
                "memory",
                "networkMode",
                "executionRoleArn",
                "taskRoleArn",
                "runtimePlatform",
                "requiresCompatibilities",
            )
        ),
    ),
    "aws:ecs/service:Service": Row(
        service="ecs",
        create=Call("create_service", {"name": "serviceName"}, prepare=_service),
        echoed=_ONLY_PROVIDER,
        id="service.serviceArn",
        read=("describe_services", {"cluster": "{cluster}", "services": ["{id}"]}, "services[?status=='ACTIVE']|[0]"),
        update=Call(
            "update_service", skip=_NOT_AT_UPDATES, prepare=_service, more={"cluster": "{cluster}", "service": "{id}"}
        ),
        delete=_stop,
        outputs={"arn": "serviceArn"},
        before_create=guards.target_groups_are_reached,
        after_create=_steady,
        after_update=_steady,
        traits=Traits(
            name=Name(pattern=r"[A-Za-z0-9_-]+", limit=255),
            replace_on=fixed("name", "cluster", "launchType", "schedulingStrategy", "deploymentController"),
        ),
    ),
    "aws:appautoscaling/target:Target": Row(
        service="application-autoscaling",
        create=Call("register_scalable_target"),
        id="{resourceId}",
        read=(
            "describe_scalable_targets",
            {"ServiceNamespace": "{serviceNamespace}", "ResourceIds": ["{resourceId}"]},
            "ScalableTargets[0]",
        ),
        update=Call("register_scalable_target", skip=["tags"]),
        whole=True,
        delete=("deregister_scalable_target", {**_SCALED, "ResourceId": "{resourceId}"}),
        outputs={"arn": "ScalableTargetARN"},
        traits=Traits(replace_on=fixed("resourceId", "scalableDimension", "serviceNamespace")),
    ),
    "aws:appautoscaling/policy:Policy": Row(
        service="application-autoscaling",
        create=Call("put_scaling_policy", {"name": "PolicyName"}),
        id="{name}",
        read=(
            "describe_scaling_policies",
            {"ServiceNamespace": "{serviceNamespace}", "PolicyNames": ["{name}"], "ResourceId": "{resourceId}"},
            "ScalingPolicies[0]",
        ),
        update=Call("put_scaling_policy", {"name": "PolicyName"}),
        whole=True,
        delete=("delete_scaling_policy", {**_SCALED, "PolicyName": "{name}", "ResourceId": "{resourceId}"}),
        outputs={"arn": "PolicyARN"},
        traits=Traits(
            name=Name(pattern=r"[\w ./-]+", limit=255),
            replace_on=fixed("name", "resourceId", "scalableDimension", "serviceNamespace"),
        ),
    ),
}

__all__ = ["ROWS", "unhealthy"]
