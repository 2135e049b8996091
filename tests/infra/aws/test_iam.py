"""IAM documents against tables written by hand."""

import json
from typing import Any

import pytest

from infra.aws.context import Context
from infra.aws.iam import Statement
from infra.aws.identity import execution_statements
from infra.components.catalog import CATALOG
from tests.infra.aws import stacks
from tests.infra.aws.stacks import ACCOUNT, REGION
from tests.infra.components.expected import PORTS, SECRETS
from tests.infra.mocks import Run

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"

UNLIMITED = {
    # AWS has no narrower resource for these.
    "ecr:GetAuthorizationToken",
    "logs:DescribeLogGroups",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}


def policy(run: Run, role: str) -> list[dict[str, Any]]:
    """The statements of a role's own policy; none when it has none."""
    found = [each for each in run.of("aws:iam/rolePolicy:RolePolicy") if each.name == role]
    return json.loads(found[0].inputs["policy"])["Statement"] if found else []


def by_sid(statements: list[dict[str, Any]]) -> dict[str, tuple[list[str], list[str]]]:
    return {each["Sid"]: (each["Action"], sorted(each["Resource"])) for each in statements}


def test_the_execution_role_starts_this_stacks_tasks_and_no_others() -> None:
    found = by_sid(policy(stacks.stack("staging"), "aex-execution"))
    repositories = sorted(f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/agent-exchange/{each}-staging" for each in PORTS)
    groups = sorted(
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/agent-exchange/{each}-staging:log-stream:*"
        for each in [*PORTS, "aex-operations"]
    )
    names = [*SECRETS, *(f"{each}-signing-key" for each in PORTS)]
    passwords = [
        f"arn:aws:secretsmanager:us-east-1:123456789012:{each}-database"
        for each in PORTS
        if "gateway" not in each or each == "aex-bid-gateway"
    ]
    assert found == {
        "LogInToRegistry": (["ecr:GetAuthorizationToken"], ["*"]),
        "PullImages": (
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            repositories,
        ),
        "WriteLogs": (["logs:CreateLogStream", "logs:PutLogEvents"], groups),
        "ReadSecrets": (
            ["secretsmanager:GetSecretValue"],
            sorted([*(f"{SECRET}{name}-staging-??????" for name in names), *passwords]),
        ),
        "DecryptSecrets": (["kms:Decrypt"], [f"{KEY}"]),
    }


def test_every_service_has_a_role_of_its_own_that_may_do_nothing() -> None:
    run = stacks.stack("production")
    for service in PORTS:
        assert policy(run, f"{service}-task") == []
        definition = run.one("aws:ecs/taskDefinition:TaskDefinition", service).inputs
        assert definition["taskRoleArn"].endswith(f":{service}-task")
        assert definition["executionRoleArn"].endswith(":aex-execution")


def test_a_shell_adds_its_channel_to_one_service_only(today_plus_three: str) -> None:
    run = stacks.run_of(stacks.settings_of("staging", {"executeCommand": {"aex-identity": today_plus_three}}))
    assert set(by_sid(policy(run, "aex-identity-task"))) == {
        "OperatorsShell",
        "RecordShell",
        "FindLogGroups",
        "EncryptShell",
    }
    assert policy(run, "aex-gateway-task") == []
    writable = {
        each.name
        for each in run.of("aws:ecs/taskDefinition:TaskDefinition")
        if not stacks.containers(each)["readonlyRootFilesystem"]
    }
    assert writable == {"aex-identity"}
    enabled = {each.name for each in run.of("aws:ecs/service:Service") if each.inputs["enableExecuteCommand"]}
    assert enabled == {"aex-identity"}


def test_only_the_operations_task_reads_the_master_password() -> None:
    run = stacks.stack("production")
    readers = {each.name for each in run.of("aws:iam/rolePolicy:RolePolicy") if "rds!cluster" in each.inputs["policy"]}
    assert readers == {"aex-operations-task"}


@pytest.mark.parametrize("name", ["staging", "production", "pr-12"])
def test_no_star_action_and_no_star_resource_where_aws_allows_less(name: str) -> None:
    run = stacks.stack(name)
    for each in run.of("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(each.inputs["policy"])["Statement"]:
            assert not [action for action in statement["Action"] if "*" in action], each.name
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= UNLIMITED, each.name


@pytest.mark.parametrize("name", ["staging", "production", "pr-12"])
def test_every_role_is_within_the_boundary_and_trusts_this_account_only(name: str) -> None:
    for each in stacks.stack(name).of("aws:iam/role:Role"):
        assert each.inputs["permissionsBoundary"] == f"arn:aws:iam::{ACCOUNT}:policy/aex-boundary"
        (trust,) = json.loads(each.inputs["assumeRolePolicy"])["Statement"]
        assert trust["Principal"]["Service"] in ("ecs-tasks.amazonaws.com", "vpc-flow-logs.amazonaws.com")
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_a_statement_that_allows_everything_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="allows every action"):
        Statement(sid="All", actions=["*"], resources=["*"])
    Statement(sid="None", effect="Deny", actions=["*"], resources=["*"])


def test_images_of_another_registry_are_pulled_from_there_only() -> None:
    elsewhere = "999999999999.dkr.ecr.eu-west-1.amazonaws.com/acme"
    settings = stacks.settings_of("staging", image={**stacks.IMAGES, "registry": elsewhere})
    assert settings.aws is not None
    ctx = Context(settings=settings, aws=settings.aws, region=REGION, account=ACCOUNT)
    found = {each.sid: each.resources for each in execution_statements(ctx, CATALOG, "key", [])}
    assert set(found["PullImages"]) == {
        f"arn:aws:ecr:eu-west-1:999999999999:repository/acme/{service}" for service in PORTS
    }
