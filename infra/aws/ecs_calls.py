"""What deployments ask ECS while they run: whether what runs is what was wanted, and whether a one-off task succeeded.

The engine calls these after it made or changed a resource. A failure fails the deployment; its text says what ECS
said, and what to do. Owns no resource.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, cast

import pulumi

Answer: TypeAlias = "Mapping[str, object]"

SUBNETS_TAG: Final = "run-in-subnets"
GROUP_TAG: Final = "run-with-security-group"
CLUSTER_TAG: Final = "run-on-cluster"
"""Tags of the operations task: all that starting it takes, for the deployment and for people."""

_TASK_SECONDS: Final = 900
_POLL_SECONDS: Final = 5.0


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


def check_running(outputs: Mapping[str, object], ecs: Ecs) -> None:
    """Fails unless the service runs the task definition that it was given.

    A circuit breaker that rolled back leaves a service that is steady, on its old task definition: without this check
    the deployment would be reported as done.
    """
    cluster, name, wanted = (str(outputs[key]) for key in ("cluster", "name", "taskDefinition"))
    service = _items(ecs.describe_services(cluster=cluster, services=[name]), "services")
    deployments = _items(service[0], "deployments") if service else []
    primary = next((each for each in deployments if each.get("status") == "PRIMARY"), None)
    running = str(primary.get("taskDefinition")) if primary else "nothing"
    if running != wanted:
        raise DeploymentError(
            f"{name} runs {_short(running)} and not {_short(wanted)}: the new one is not healthy, or its alarms "
            f"went off, and ECS went back to the old one.\n{explained(cluster, name, ecs)}"
        )


def explained(cluster: str, name: str, ecs: Ecs) -> str:
    """What ECS says about a service that did not start: the last events, and why its last tasks stopped."""
    service = _items(ecs.describe_services(cluster=cluster, services=[name]), "services")
    lines = [f"  {event.get('message')}" for event in (_items(service[0], "events") if service else [])[:5]]
    arns = ecs.list_tasks(cluster=cluster, serviceName=name, desiredStatus="STOPPED").get("taskArns")
    stopped = cast("list[str]", arns)[:5] if isinstance(arns, list) else []
    tasks = _items(ecs.describe_tasks(cluster=cluster, tasks=stopped), "tasks") if stopped else []
    lines += [f"  {_short(str(task.get('taskArn')))} stopped: {_why(task)}" for task in tasks]
    return "\n".join(
        [*lines, f"Look at its log group, correct what is wrong, and run `pulumi up` again (service {name})."]
    )


def run_once(
    outputs: Mapping[str, object],
    ecs: Ecs,
    *,
    wait: Callable[[float], None] = time.sleep,
    seconds: float = _TASK_SECONDS,
) -> None:
    """Runs a task definition once, where its tags say, and waits for it; fails unless it exits with 0."""
    definition, tags = str(outputs["arn"]), cast("Mapping[str, str]", outputs.get("tags") or {})
    started = ecs.run_task(
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
    tasks = _items(started, "tasks")
    if not tasks:
        raise DeploymentError(f"{_short(definition)} did not start: {started.get('failures')}")
    arn, waited = str(tasks[0]["taskArn"]), 0.0
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


def checked_service(name: str) -> pulumi.ResourceHookBinding:
    """Binds the check, and an explanation when AWS itself reports a failure, to a service."""
    profile = _profile()

    def check(args: pulumi.ResourceHookArgs) -> None:
        outputs = cast("Mapping[str, object]", args.new_outputs or {})
        check_running(outputs, ecs_in(str(outputs["taskDefinition"]), profile))

    def explain(args: pulumi.ErrorHookArgs) -> bool:
        inputs = cast("Mapping[str, object]", args.new_inputs or {})
        if args.failed_operation in ("create", "update"):
            cluster = str(inputs.get("cluster"))
            first = "There is nothing to go back to yet: nothing runs.\n" if args.failed_operation == "create" else ""
            pulumi.log.error(
                f"{name} did not become steady.\n{first}{explained(cluster, name, ecs_in(cluster, profile))}"
            )
        return False  # trying again would take as long and end the same

    hook = pulumi.ResourceHook(f"{name}-runs-what-was-wanted", check)
    return pulumi.ResourceHookBinding(
        after_create=[hook], after_update=[hook], on_error=[pulumi.ErrorHook(f"{name}-explained", explain)]
    )


def run_after_creation(name: str) -> pulumi.ResourceHookBinding:
    """Binds one run of a task to each new revision of its definition."""
    profile = _profile()

    def run(args: pulumi.ResourceHookArgs) -> None:
        outputs = cast("Mapping[str, object]", args.new_outputs or {})
        run_once(outputs, ecs_in(str(outputs["arn"]), profile))

    return pulumi.ResourceHookBinding(after_create=[pulumi.ResourceHook(f"{name}-ran", run)])


def _profile() -> str | None:
    """What the provider itself is told to use, so that both ask the same account."""
    return pulumi.Config("aws").get("profile")


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
    "check_running",
    "checked_service",
    "ecs_in",
    "explained",
    "run_after_creation",
    "run_once",
]
