"""What ECS says of the ten services: what runs, what ran before, and why the last task stopped."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, physical_name
from infra.ops.clouds.answers import EMPTY, Json, first, inside, items, last, number, text, texts
from infra.ops.clouds.aws_api import AwsApi, AwsRefusal
from infra.ops.clouds.side_by_side import at_once
from infra.ops.model import Health, ServiceState, Version

_MOST_VERSIONS: Final = 20
_NORMAL: Final = ("Scaling activity initiated by", "deployment ecs-svc/", "Task stopped by user")
"""What ECS says when it stops a task because it was told to."""


def ecs_name(service: str, stack: str) -> str:
    """The name of a service, and of its family of task definitions."""
    return physical_name(service, stack, Kind.ECS)


def states(api: AwsApi, stack: str, cluster: str) -> list[ServiceState]:
    """The ten services, in the catalog's order."""
    names = {ecs_name(service, stack): service for service in CATALOG.names}
    try:
        answer = api.call("ecs", "describe_services", cluster=cluster, services=list(names))
    except AwsRefusal as error:
        if error.missing:
            return [_missing(service) for service in CATALOG.names]
        raise
    found = {text(each, "serviceName"): each for each in items(answer, "services")}
    return at_once(lambda name: _state(api, cluster, names[name], found.get(name)), names)


def versions(api: AwsApi, stack: str, cluster: str, service: str) -> list[Version]:
    """The task definitions of a service, the newest first; the one that runs is `current`."""
    family = ecs_name(service, stack)
    running = text(_primary(_described(api, cluster, family)), "taskDefinition")
    arns: list[str] = []
    for status in ("ACTIVE", "INACTIVE"):
        answer = api.call(
            "ecs", "list_task_definitions", familyPrefix=family, status=status, sort="DESC", maxResults=_MOST_VERSIONS
        )
        # A prefix it is called, and some take it for one.
        arns += [arn for arn in texts(answer, "taskDefinitionArns") if last(arn).rpartition(":")[0] == family]
    arns = sorted(set(arns), key=_revision, reverse=True)[:_MOST_VERSIONS]
    return at_once(lambda arn: _version(api, arn, service, current=arn == running), arns)


def digest_of(definition: Json, service: str) -> str:
    """The digest of the service's image in a task definition; empty for an image without one."""
    for container in items(definition, "containerDefinitions"):
        if text(container, "name") == service:
            return text(container, "image").rpartition("@")[2] if "@" in text(container, "image") else ""
    return ""


def why_stopped(task: Json) -> str:
    """Why a task stopped, with what its containers say."""
    reasons = [text(task, "stoppedReason") or "no reason given"]
    for container in items(task, "containers"):
        code, reason = container.get("exitCode"), text(container, "reason")
        if code not in (None, 0) or reason:
            reasons.append(f"{text(container, 'name')} exit code {code}" + (f", {reason}" if reason else ""))
    return "; ".join(reasons)


def _described(api: AwsApi, cluster: str, name: str) -> Json:
    return first(items(api.call("ecs", "describe_services", cluster=cluster, services=[name]), "services"))


def _state(api: AwsApi, cluster: str, service: str, found: Json | None) -> ServiceState:
    if found is None or text(found, "status") == "INACTIVE":
        return _missing(service)
    name, primary = text(found, "serviceName"), _primary(found)
    definition = _definition(api, text(primary, "taskDefinition"))
    running, desired = number(found, "runningCount"), number(found, "desiredCount")
    return ServiceState(
        service=service,
        revision=last(text(primary, "taskDefinition")),
        running=running,
        desired=str(desired),
        health=_health(api, cluster, name, primary, running, desired),
        digest=digest_of(definition, service),
        deployed=_time(primary.get("createdAt")),
        reason=_last_failure(api, cluster, name, primary),
    )


def _missing(service: str) -> ServiceState:
    return ServiceState(service=service, running=0, health=Health.MISSING, reason="ECS does not know it")


def _primary(service: Json) -> Json:
    return first(each for each in items(service, "deployments") if text(each, "status") == "PRIMARY")


def _health(api: AwsApi, cluster: str, name: str, primary: Json, running: int, desired: int) -> Health:
    if running == 0 and desired > 0:
        return Health.STOPPED
    sick = [task for task in _tasks(api, cluster, name, "RUNNING") if text(task, "healthStatus") == "UNHEALTHY"]
    if sick or text(primary, "rolloutState") == "FAILED":
        return Health.UNHEALTHY
    if text(primary, "rolloutState") == "IN_PROGRESS" or running < desired:
        return Health.DEPLOYING
    return Health.HEALTHY


def _last_failure(api: AwsApi, cluster: str, name: str, primary: Json) -> str:
    """Why the last task stopped, unless it was told to; ECS remembers for an hour. Or why the rollout failed."""
    stopped = sorted(_tasks(api, cluster, name, "STOPPED"), key=lambda task: str(task.get("stoppedAt") or ""))
    for task in reversed(stopped):
        why = why_stopped(task)
        if not any(normal in why for normal in _NORMAL):
            return why
    return text(primary, "rolloutStateReason") if text(primary, "rolloutState") == "FAILED" else ""


def _tasks(api: AwsApi, cluster: str, name: str, status: str) -> list[Json]:
    listed = api.call("ecs", "list_tasks", cluster=cluster, serviceName=name, desiredStatus=status)
    arns = texts(listed, "taskArns")[:100]
    return items(api.call("ecs", "describe_tasks", cluster=cluster, tasks=arns), "tasks") if arns else []


def _definition(api: AwsApi, arn: str) -> Json:
    if not arn:
        return EMPTY
    return inside(api.call("ecs", "describe_task_definition", taskDefinition=arn), "taskDefinition")


def _version(api: AwsApi, arn: str, service: str, *, current: bool) -> Version:
    definition = _definition(api, arn)
    return Version(last(arn), digest_of(definition, service), _time(definition.get("registeredAt")), current)


def _revision(arn: str) -> int:
    last = arn.rpartition(":")[2]
    return int(last) if last.isdigit() else 0


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


__all__ = ["digest_of", "ecs_name", "states", "versions", "why_stopped"]
