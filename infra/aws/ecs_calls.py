"""What deployments ask ECS while they run: whether what runs is what was wanted, and whether a one-off task succeeded.

A failure's text says what ECS said, and what to do. When the engine calls these is in `ecs_hooks.py`. Owns no resource.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, cast

Answer: TypeAlias = "Mapping[str, object]"

SUBNETS_TAG: Final = "run-in-subnets"
GROUP_TAG: Final = "run-with-security-group"
CLUSTER_TAG: Final = "run-on-cluster"
"""Tags of the operations task: all that starting it takes, for the deployment and for people."""

_TASK_SECONDS: Final = 900
_POLL_SECONDS: Final = 5.0
_STARTS: Final = 12
_START_SECONDS: Final = 10.0
"""A role that was just made is not known everywhere for some seconds; two minutes are plenty."""
_PASSING: Final = ("unable to assume the role", "capacity is unavailable", "resource:")
"""What ECS says when starting a task may work a little later."""


class Ecs(Protocol):
    """What is used of boto3's client."""

    def describe_services(self, *, cluster: str, services: Sequence[str]) -> Answer:
        """See boto3."""
        ...

    def list_tasks(self, *, cluster: str, serviceName: str, desiredStatus: str) -> Answer:
        """See boto3."""
        ...

    def describe_tasks(self, *, cluster: str, tasks: Sequence[str]) -> Answer:
        """See boto3."""
        ...

    def describe_task_definition(self, *, taskDefinition: str, include: Sequence[str]) -> Answer:
        """See boto3."""
        ...

    def run_task(self, **arguments: object) -> Answer:
        """See boto3."""
        ...


class DeploymentError(Exception):
    """A deployment did not do what it was asked; the text says what ECS said and what to do."""


def ecs_in(arn: str, profile: str | None = None) -> Ecs:
    """The client for the region that `arn` is in, with the credentials of `profile`, or those of the environment."""
    # Takes a third of a second and is needed by deployments only, not by previews.
    import boto3  # pyright: ignore[reportMissingTypeStubs]

    session = boto3.Session(profile_name=profile, region_name=arn.split(":")[3])
    return cast("Ecs", session.client("ecs"))  # pyright: ignore[reportUnknownMemberType]


def check_running(inputs: Mapping[str, object], outputs: Mapping[str, object], ecs: Ecs) -> None:
    """Fails unless the service runs the task definition that its `inputs` ask for.

    A circuit breaker that rolled back leaves a service that is steady, on its old task definition: without this check
    the deployment would be reported as done. `outputs` may be read back from ECS and then name the old one as well.
    """
    cluster, name, wanted = str(outputs["cluster"]), str(outputs["name"]), str(inputs["taskDefinition"])
    try:
        service = _items(ecs.describe_services(cluster=cluster, services=[name]), "services")
    except aws_errors() as error:
        raise DeploymentError(
            f"{name}: ECS could not be asked what runs ({error}): look with `aws ecs describe-services`, and restore "
            "the permission or the connection before the next `pulumi up`"
        ) from error
    deployments = _items(service[0], "deployments") if service else []
    primary = next((each for each in deployments if each.get("status") == "PRIMARY"), None)
    running = str(primary.get("taskDefinition")) if primary else "nothing"
    if running != wanted:
        raise DeploymentError(
            f"{name} runs {_short(running)} and not {_short(wanted)}: the new one is not healthy, or its alarms "
            f"went off, and ECS went back to the old one.\n{explained(cluster, name, ecs)}"
        )


def explained(cluster: str, name: str, ecs: Ecs) -> str:
    """What ECS says about a service that did not start: the last events, and why its last tasks stopped.

    Never fails: it is asked when something went wrong already, and that is what people must see.
    """
    remedy = f"Look at its log group, correct what is wrong, and run `pulumi up` again (service {name})."
    try:
        service = _items(ecs.describe_services(cluster=cluster, services=[name]), "services")
        if not service:
            return (
                f"  ECS has no service {name}: making it was refused, for the reason that AWS gave with the error.\n"
                f"Correct that, and run `pulumi up` again (service {name})."
            )
        lines = [f"  {event.get('message')}" for event in _items(service[0], "events")[:5]]
        arns = ecs.list_tasks(cluster=cluster, serviceName=name, desiredStatus="STOPPED").get("taskArns")
        stopped = cast("list[str]", arns)[:5] if isinstance(arns, list) else []
        tasks = _items(ecs.describe_tasks(cluster=cluster, tasks=stopped), "tasks") if stopped else []
    except aws_errors() as error:
        return f"  ECS could not be asked why: {error}\n{remedy}"
    lines += [f"  {_short(str(task.get('taskArn')))} stopped: {_why(task)}" for task in tasks]
    return "\n".join([*lines, remedy])


def newest(family: str, ecs: Ecs) -> dict[str, object]:
    """`arn` and `tags` of the newest revision of a task definition."""
    answer = ecs.describe_task_definition(taskDefinition=family, include=["TAGS"])
    definition = cast("Answer", answer["taskDefinition"])
    tags = {str(each["key"]): str(each["value"]) for each in _items(answer, "tags")}
    return {"arn": str(definition["taskDefinitionArn"]), "tags": tags}


def run_once(
    outputs: Mapping[str, object],
    ecs: Ecs,
    *,
    wait: Callable[[float], None] = time.sleep,
    seconds: float = _TASK_SECONDS,
) -> None:
    """Runs a task definition once, where its tags say, and waits for it; fails unless it exits with 0."""
    definition, tags = str(outputs["arn"]), cast("Mapping[str, str]", outputs.get("tags") or {})
    arn, waited = _started(definition, tags, ecs, wait), 0.0
    while True:
        found = _items(ecs.describe_tasks(cluster=tags[CLUSTER_TAG], tasks=[arn]), "tasks")
        task: Answer = found[0] if found else {"lastStatus": "UNKNOWN"}
        if task.get("lastStatus") == "STOPPED":
            break
        if waited >= seconds:
            raise DeploymentError(f"{_short(arn)} still runs after {seconds:g} s: look at its log group, then stop it")
        wait(_POLL_SECONDS)
        waited += _POLL_SECONDS
    codes = [container.get("exitCode") for container in _items(task, "containers")]
    if codes != [0] * len(codes) or not codes:
        raise DeploymentError(
            f"{_short(definition)} failed ({_why(task)}): look at its log group, correct what is wrong, and run "
            "`pulumi up` again"
        )


def _started(definition: str, tags: Mapping[str, str], ecs: Ecs, wait: Callable[[float], None]) -> str:
    """Starts the task, again while what ECS says may pass by itself; the task's ARN."""
    said = ""
    for attempt in range(_STARTS):
        if attempt:
            wait(_START_SECONDS)
        try:
            answer = ecs.run_task(
                cluster=tags[CLUSTER_TAG],
                taskDefinition=definition,
                launchType="FARGATE",
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": tags[SUBNETS_TAG].split(),
                        "securityGroups": [tags[GROUP_TAG]],
                        "assignPublicIp": "DISABLED",
                    }
                },
            )
        except aws_errors() as error:
            said = str(error)
        else:
            tasks = _items(answer, "tasks")
            if tasks:
                return str(tasks[0]["taskArn"])
            said = str(answer.get("failures"))
        if not any(text in said.lower() for text in _PASSING):
            break
    raise DeploymentError(f"{_short(definition)} did not start: {said}: correct that, and run `pulumi up` again")


def aws_errors() -> tuple[type[Exception], ...]:
    """What boto3 raises; imported as late as boto3 itself."""
    from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

    return BotoCoreError, ClientError


def _items(answer: Answer, key: str) -> list[Answer]:
    found = answer.get(key)
    return cast("list[Answer]", found) if isinstance(found, list) else []


def _why(task: Answer) -> str:
    reasons = [str(task.get("stoppedReason") or "no reason given")]
    for container in _items(task, "containers"):
        code, reason = container.get("exitCode"), container.get("reason")
        if code not in (None, 0) or reason:
            reasons.append(f"{container.get('name')} exit code {code}{f', {reason}' if reason else ''}")
    return "; ".join(reasons)


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


__all__ = [
    "CLUSTER_TAG",
    "GROUP_TAG",
    "SUBNETS_TAG",
    "DeploymentError",
    "Ecs",
    "aws_errors",
    "check_running",
    "ecs_in",
    "explained",
    "newest",
    "run_once",
]
