"""The operators' one-off task: started where its tags say, waited for, its log told as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from infra.ops.clouds.answers import Json, inside, items, last, text, texts
from infra.ops.clouds.aws_api import AwsApi
from infra.ops.clouds.aws_status import why_stopped
from infra.ops.clouds.cloud import Say
from infra.ops.faults import OpsError

SUBNETS_TAG: Final = "run-in-subnets"
GROUP_TAG: Final = "run-with-security-group"
CLUSTER_TAG: Final = "run-on-cluster"
"""The tags that the platform puts on the task definition (infra/aws/ecs_calls.py), so that nobody copies names."""

STARTED_BY: Final = "aexctl"
_POLL_SECONDS: Final = 3.0
_LIMIT_SECONDS: Final = 6 * 3600


def operate(
    api: AwsApi, definition: str, arguments: Sequence[str], say: Say, wait: Callable[[float], None] = time.sleep
) -> int:
    """Runs `python -m aex <arguments>` as the task, and gives its exit code. Raises `OpsError` when it did not run."""
    answer = api.call("ecs", "describe_task_definition", taskDefinition=definition, include=["TAGS"])
    containers = items(inside(answer, "taskDefinition"), "containerDefinitions")
    tags = {text(each, "key"): text(each, "value") for each in items(answer, "tags")}
    missing = [tag for tag in (SUBNETS_TAG, GROUP_TAG, CLUSTER_TAG) if tag not in tags]
    if missing or not containers:
        raise OpsError(
            f"{last(definition)} does not say where it runs ({', '.join(missing) or 'no container'})",
            "Deploy the stack again (`pulumi up`), which puts the tags on it.",
        )
    container = containers[0]
    task = _started(api, definition, tags, text(container, "name"), arguments)
    say(f"task {last(task)} on {tags[CLUSTER_TAG]}")
    log, waited = _log(api, container, last(task)), 0.0
    while True:
        found = items(api.call("ecs", "describe_tasks", cluster=tags[CLUSTER_TAG], tasks=[task]), "tasks")
        ended = bool(found) and text(found[0], "lastStatus") == "STOPPED"
        for line in log():
            say(line)
        if ended:
            break
        if waited >= _LIMIT_SECONDS:
            raise OpsError(
                f"task {last(task)} still runs after {_LIMIT_SECONDS // 3600} hours",
                f"Look at its log, and stop it: `aws ecs stop-task --cluster {tags[CLUSTER_TAG]} --task {task}`.",
            )
        wait(_POLL_SECONDS)
        waited += _POLL_SECONDS
    return _exit_code(found[0])


def _started(api: AwsApi, definition: str, tags: dict[str, str], container: str, arguments: Sequence[str]) -> str:
    answer = api.call(
        "ecs",
        "run_task",
        cluster=tags[CLUSTER_TAG],
        taskDefinition=definition,
        launchType="FARGATE",
        startedBy=STARTED_BY,
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": tags[SUBNETS_TAG].split(),
                "securityGroups": [tags[GROUP_TAG]],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides={"containerOverrides": [{"name": container, "command": ["python", "-m", "aex", *arguments]}]},
    )
    tasks = items(answer, "tasks")
    if not tasks:
        failures = "; ".join(f"{text(each, 'reason')} {text(each, 'detail')}" for each in items(answer, "failures"))
        raise OpsError(f"ECS did not start the task: {failures}", "Correct what it says, or try again in a minute.")
    return text(tasks[0], "taskArn")


def _exit_code(task: Json) -> int:
    codes = [each.get("exitCode") for each in items(task, "containers")]
    first = codes[0] if codes else None
    if not isinstance(first, int):
        raise OpsError(
            f"the task never ran: {why_stopped(task)}",
            "A missing image or secret, or no way to AWS from its subnets: the reason says which.",
        )
    return first


def _log(api: AwsApi, container: Json, task: str) -> Callable[[], Iterator[str]]:
    """What gives the lines that have come since the last call."""
    options = inside(container, "logConfiguration", "options")
    group, prefix = text(options, "awslogs-group"), text(options, "awslogs-stream-prefix")
    stream, token = f"{prefix}/{text(container, 'name')}/{task}", ""

    def lines() -> Iterator[str]:
        nonlocal token
        while True:
            more = {"nextToken": token} if token else {}
            try:
                answer = api.call(
                    "logs", "get_log_events", logGroupName=group, logStreamName=stream, startFromHead=True, **more
                )
            except OpsError:  # there is no stream before the first line
                return
            for event in items(answer, "events"):
                yield text(event, "message")
            if text(answer, "nextForwardToken") == token or not items(answer, "events"):
                return
            token = text(answer, "nextForwardToken")

    return lines


def running(api: AwsApi, cluster: str, family: str) -> list[str]:
    """The one-off tasks that run now, which hold addresses in the network."""
    listed = api.call("ecs", "list_tasks", cluster=cluster, family=family, desiredStatus="RUNNING")
    return texts(listed, "taskArns")


__all__ = ["CLUSTER_TAG", "GROUP_TAG", "STARTED_BY", "SUBNETS_TAG", "operate", "running"]
