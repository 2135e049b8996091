"""What a deployment asks ECS while it runs, and what it says when the answer is bad."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from infra.aws.ecs_calls import (
    CLUSTER_TAG,
    GROUP_TAG,
    SUBNETS_TAG,
    DeploymentError,
    check_running,
    explained,
    newest,
    run_once,
)
from infra.aws.ecs_hooks import once, unsteady

OLD, NEW = (f"arn:aws:ecs:us-east-1:123456789012:task-definition/aex-identity:{number}" for number in (6, 7))
INPUTS = {"taskDefinition": NEW}
# What the provider reads back after ECS went back by itself is the old definition.
OUTPUTS = {"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/aex", "name": "aex-identity", "taskDefinition": OLD}


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
        return {"tasks": [{"taskArn": "arn:task/aex/1234"}]} if self.running else {"tasks": [], "failures": ["MISSING"]}

    def describe_task_definition(self, *, taskDefinition: str, include: Sequence[str]) -> Mapping[str, Any]:
        assert (taskDefinition, list(include)) == ("aex-operations", ["TAGS"])
        tags = [{"key": key, "value": value} for key, value in TASK["tags"].items()]
        return {"taskDefinition": {"taskDefinitionArn": TASK["arn"]}, "tags": tags}


def refused(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Refusing(Ecs):
    """ECS whose answers about services, or to the first starts of a task, are errors."""

    def __init__(self, error: Exception, times: int = 1000) -> None:
        super().__init__(NEW)
        self.error, self.times = error, times

    def describe_services(self, *, cluster: str, services: Sequence[str]) -> Mapping[str, Any]:
        raise self.error

    def run_task(self, **arguments: object) -> Mapping[str, Any]:
        if self.times:
            self.times -= 1
            raise self.error
        return super().run_task(**arguments)


TASK: Mapping[str, Any] = {
    "arn": "arn:aws:ecs:us-east-1:123456789012:task-definition/aex-operations:3",
    "tags": {CLUSTER_TAG: "aex-cluster", GROUP_TAG: "sg-1", SUBNETS_TAG: "subnet-1 subnet-2"},
}


def test_a_service_that_runs_what_was_wanted_passes() -> None:
    check_running(INPUTS, OUTPUTS, Ecs(NEW))


def test_a_service_that_went_back_fails_the_deployment_and_says_why() -> None:
    with pytest.raises(DeploymentError) as caught:
        check_running(INPUTS, OUTPUTS, Ecs(OLD, exit_code=2))
    text = str(caught.value)
    assert "aex-identity runs aex-identity:6 and not aex-identity:7" in text
    assert "rolled back" in text
    assert "Essential container exited; aex-identity exit code 2" in text
    assert "run `pulumi up` again" in text


def test_a_first_deployment_that_does_not_start_says_that_there_is_nothing_to_go_back_to() -> None:
    inputs = {"cluster": "cluster", "name": "aex-identity-staging"}
    text = unsteady("aex-identity", inputs, Ecs(NEW, exit_code=3), first=True)
    assert text.startswith("aex-identity did not become steady.\nThere is nothing to go back to yet: nothing runs.\n")
    assert "Essential container exited; aex-identity exit code 3" in text, "why, by what ECS knows"
    assert text.endswith("correct what is wrong, and run `pulumi up` again (service aex-identity-staging).")


def test_a_later_deployment_that_does_not_start_promises_nothing_about_going_back() -> None:
    inputs = {"cluster": "cluster", "name": "aex-identity-staging"}
    text = unsteady("aex-identity", inputs, Ecs(OLD), first=False)
    assert text.startswith("aex-identity did not become steady.\n")
    assert "nothing runs" not in text
    assert "rolled back" in text


def test_a_service_that_is_gone_fails_the_deployment() -> None:
    with pytest.raises(DeploymentError, match="runs nothing"):
        check_running(INPUTS, OUTPUTS, Ecs(None))


def test_a_service_that_was_never_made_is_explained_without_asking_for_its_tasks() -> None:
    class NoSuchService(Ecs):
        def list_tasks(self, *, cluster: str, serviceName: str, desiredStatus: str) -> Mapping[str, Any]:
            raise refused("ServiceNotFoundException", "Service not found.", "ListTasks")

    text = explained("cluster", "aex-identity-staging", NoSuchService(None))
    assert "ECS has no service aex-identity-staging: making it was refused" in text
    assert "run `pulumi up` again" in text
    assert "could not be asked why: " in explained("cluster", "aex-identity", NoSuchService(NEW))


@pytest.mark.parametrize(
    "error",
    [
        refused("ClusterNotFoundException", "Cluster not found.", "DescribeServices"),
        refused("AccessDeniedException", "not authorized", "DescribeServices"),
        EndpointConnectionError(endpoint_url="https://ecs.us-east-1.amazonaws.com"),
    ],
)
def test_errors_of_the_client_are_told_and_hide_nothing(error: Exception) -> None:
    assert f"could not be asked why: {error}" in explained("cluster", "aex-identity", Refusing(error))
    with pytest.raises(DeploymentError, match="aex-identity: ECS could not be asked what runs"):
        check_running(INPUTS, OUTPUTS, Refusing(error))


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
        (Ecs(None), "did not start: .*MISSING"),
        (
            Refusing(refused("InvalidParameterException", "no such subnet", "RunTask")),
            "did not start: .*no such subnet",
        ),
    ],
)
def test_a_task_that_fails_fails_the_deployment(ecs: Ecs, message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        run_once(TASK, ecs, wait=lambda _: None, seconds=20)


PASSING = refused("ClientException", "ECS was unable to assume the role 'arn:aws:iam::1:role/x'", "RunTask")


def test_a_role_that_is_not_known_everywhere_yet_is_waited_for_and_not_for_ever() -> None:
    waits: list[float] = []
    run_once(TASK, Refusing(PASSING, times=3), wait=waits.append)
    assert waits == [10, 10, 10]
    waits.clear()
    with pytest.raises(DeploymentError, match="unable to assume the role"):
        run_once(TASK, Refusing(PASSING), wait=waits.append)
    assert sum(waits) == 110


def test_capacity_that_is_missing_for_a_moment_is_waited_for() -> None:
    class Full(Ecs):
        def run_task(self, **arguments: object) -> Mapping[str, Any]:
            answer = super().run_task(**arguments)
            full = {"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time"}]}
            return full if len(self.started) < 3 else answer

    ecs = Full(NEW)
    run_once(TASK, ecs, wait=lambda _: None)
    assert len(ecs.started) == 3


def test_the_newest_revision_is_found_with_what_starting_it_takes() -> None:
    assert newest("aex-operations", Ecs(NEW)) == TASK


def test_a_failed_run_stops_every_service_and_the_next_deployment_runs_again() -> None:
    """Each deployment is a process of its own, and so are its hooks."""
    args: Any = None
    ecs = Ecs(NEW, exit_code=1)
    hook = once("aex-operations", lambda _: ecs, wait=lambda _: None)
    for _ in ("identity", "telemetry"):
        with pytest.raises(DeploymentError, match="failed"):
            hook(args)
    assert len(ecs.started) == 1, "one deployment runs it once"
    ecs.exit_code = 0
    hook = once("aex-operations", lambda _: ecs, wait=lambda _: None)
    hook(args)
    hook(args)
    assert len(ecs.started) == 2


def test_a_task_that_cannot_be_looked_up_stops_the_deployment_with_what_to_do() -> None:
    class Gone(Ecs):
        def describe_task_definition(self, *, taskDefinition: str, include: Sequence[str]) -> Mapping[str, Any]:
            raise refused("ClientException", "Unable to describe task definition.", "DescribeTaskDefinition")

    args: Any = None
    with pytest.raises(DeploymentError, match=r"aex-operations could not be run \(.*run `pulumi up` again"):
        once("aex-operations", lambda _: Gone(NEW))(args)
