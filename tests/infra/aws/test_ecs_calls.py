"""What a deployment asks ECS while it runs, and what it says when the answer is bad."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from infra.aws.ecs_calls import CLUSTER_TAG, GROUP_TAG, SUBNETS_TAG, DeploymentError, check_running, explained, run_once

OLD, NEW = (f"arn:aws:ecs:us-east-1:123456789012:task-definition/aex-identity:{number}" for number in (6, 7))
OUTPUTS = {"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/aex", "name": "aex-identity", "taskDefinition": NEW}


class Ecs:
    """ECS with one service and one task."""

    def __init__(self, running: str | None, statuses: Sequence[str] = ("STOPPED",), exit_code: int | None = 0) -> None:
        self.running, self.statuses, self.exit_code = running, list(statuses), exit_code
        self.started: list[Mapping[str, Any]] = []

    def describe_services(self, *, cluster: str, services: Sequence[str]) -> Mapping[str, Any]:
        if self.running is None:
            return {"services": []}
        primary = {"status": "PRIMARY", "taskDefinition": self.running}
        return {
            "services": [{"deployments": [{"status": "ACTIVE", "taskDefinition": OLD}, primary],
                          "events": [{"message": "(service aex-identity) rolled back"}]}]
        }  # fmt: skip

    def list_tasks(self, *, cluster: str, serviceName: str, desiredStatus: str) -> Mapping[str, Any]:
        return {"taskArns": ["arn:task/aex/1234"]}

    def describe_tasks(self, *, cluster: str, tasks: Sequence[str]) -> Mapping[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        container = {"name": "aex-identity", "exitCode": self.exit_code, "reason": None}
        task = {"taskArn": tasks[0], "lastStatus": status, "stoppedReason": "Essential container exited"}
        return {"tasks": [{**task, "containers": [container]}]}

    def run_task(self, **arguments: object) -> Mapping[str, Any]:
        self.started.append(arguments)
        return (
            {"tasks": [{"taskArn": "arn:task/aex/1234"}]} if self.running else {"tasks": [], "failures": ["CAPACITY"]}
        )


TASK = {
    "arn": "arn:aws:ecs:us-east-1:123456789012:task-definition/aex-operations:3",
    "tags": {CLUSTER_TAG: "aex-cluster", GROUP_TAG: "sg-1", SUBNETS_TAG: "subnet-1 subnet-2"},
}


def test_a_service_that_runs_what_was_wanted_passes() -> None:
    check_running(OUTPUTS, Ecs(NEW))


def test_a_service_that_went_back_fails_the_deployment_and_says_why() -> None:
    with pytest.raises(DeploymentError) as caught:
        check_running(OUTPUTS, Ecs(OLD, exit_code=2))
    text = str(caught.value)
    assert "aex-identity runs aex-identity:6 and not aex-identity:7" in text
    assert "rolled back" in text
    assert "Essential container exited; aex-identity exit code 2" in text
    assert "run `pulumi up` again" in text


def test_a_service_that_is_gone_fails_the_deployment() -> None:
    with pytest.raises(DeploymentError, match="runs nothing"):
        check_running(OUTPUTS, Ecs(None))
    assert "Look at its log group" in explained("cluster", "aex-identity", Ecs(None))


def test_a_task_runs_where_its_tags_say_and_is_waited_for() -> None:
    ecs, waits = Ecs(NEW, ["PENDING", "RUNNING", "STOPPED"]), []
    run_once(TASK, ecs, wait=waits.append)
    assert len(waits) == 2
    (started,) = ecs.started
    assert started["cluster"] == "aex-cluster"
    assert started["taskDefinition"] == TASK["arn"]
    assert started["networkConfiguration"] == {
        "awsvpcConfiguration": {
            "subnets": ["subnet-1", "subnet-2"],
            "securityGroups": ["sg-1"],
            "assignPublicIp": "DISABLED",
        }
    }


@pytest.mark.parametrize(
    ("ecs", "message"),
    [
        (Ecs(NEW, exit_code=1), "failed .*exit code 1"),
        (Ecs(NEW, exit_code=None), "failed .*Essential container exited"),
        (Ecs(NEW, ["RUNNING"]), "still runs after 20 s"),
        (Ecs(None), "did not start: .*CAPACITY"),
    ],
)
def test_a_task_that_fails_fails_the_deployment(ecs: Ecs, message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        run_once(TASK, ecs, wait=lambda _: None, seconds=20)
