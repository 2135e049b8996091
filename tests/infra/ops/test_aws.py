"""`aexctl` on AWS, against moto: what it says of a stack, and what it writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.components.catalog import CATALOG
from infra.ops.clouds.aws_api import AwsApi, AwsRefusal
from infra.ops.faults import Unreachable
from tests.infra.ops.aws_stack import ACCOUNT, NEW, OLD, TAGS, client, configured, deployed, running, tags
from tests.infra.ops.bench import Bench

pytestmark = pytest.mark.usefixtures("aws_environment")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What IAM's simulation, which moto lacks, says of an action; allowed unless a test says otherwise."""
    decisions: dict[str, str] = {}
    real = AwsApi.call

    def call(self: AwsApi, service: str, operation: str, **arguments: Any) -> Any:
        if operation != "simulate_principal_policy":
            return real(self, service, operation, **arguments)
        names = arguments["ActionNames"]
        results = [{"EvalActionName": name, "EvalDecision": decisions.get(name, "allowed")} for name in names]
        return {"EvaluationResults": results}

    monkeypatch.setattr(AwsApi, "call", call)
    return decisions


def boundary() -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]}
    client("iam").create_policy(PolicyName="aex-boundary", PolicyDocument=json.dumps(document))


def test_status_shows_ten_services_with_revision_and_image(bench: Bench, capsys: Capture) -> None:
    deployed(bench)
    for service in CATALOG.names:
        running(service, 1)
    code, answer = bench.json(capsys, "status", "-s", "staging")
    (cloud,) = answer["clouds"]
    assert code == 0
    assert [each["service"] for each in cloud["services"]] == list(CATALOG.names)
    gateway = cloud["services"][0]
    assert (gateway["revision"], gateway["digest"]) == ("aex-gateway-staging:2", NEW)
    assert (gateway["running"], gateway["desired"], gateway["health"]) == (1, "1", "healthy")
    assert datetime.now(UTC) - datetime.fromisoformat(gateway["deployed"]) < timedelta(minutes=5)


def test_status_of_a_stopped_service_says_why_its_last_task_stopped(
    bench: Bench, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(bench)
    stopped = {
        "taskArn": "arn:aws:ecs:us-east-1:123456789012:task/aex-cluster-staging/1",
        "stoppedAt": datetime(2026, 11, 25, tzinfo=UTC),
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "aex-identity", "exitCode": 78, "reason": "bad config"}],
    }
    scaled_in = {
        "stoppedAt": datetime(2026, 11, 25, 1, tzinfo=UTC),
        "stoppedReason": "Scaling activity initiated by deployment ecs-svc/1",
    }
    real = AwsApi.call

    def call(self: AwsApi, service: str, operation: str, **arguments: Any) -> Any:
        if operation == "list_tasks" and arguments["serviceName"] == "aex-identity-staging":
            return {"taskArns": ["a", "b"] if arguments["desiredStatus"] == "STOPPED" else []}
        if operation == "describe_tasks":
            return {"tasks": [stopped, scaled_in]}
        return real(self, service, operation, **arguments)

    monkeypatch.setattr(AwsApi, "call", call)
    code, out, _ = bench.aexctl(capsys, "status", "-s", "staging")
    (line,) = [line for line in out.splitlines() if line.startswith("aex-identity ")]
    assert code == 1
    assert "stopped" in line
    assert "Essential container in task exited; aex-identity exit code 78, bad config" in line


def test_status_before_the_first_deployment_says_that_nothing_is_there(bench: Bench, capsys: Capture) -> None:
    configured(bench)
    code, answer = bench.json(capsys, "status", "-s", "staging")
    assert code == 1
    assert {each["health"] for each in answer["clouds"][0]["services"]} == {"missing"}


@pytest.mark.usefixtures("allowed")
def test_doctor_passes_an_account_that_bootstrap_has_prepared(bench: Bench, capsys: Capture) -> None:
    configured(bench)
    bench.exists = False
    boundary()
    code, answer = bench.json(capsys, "doctor", "-s", "staging")
    found = {each["check"]: each for each in answer["clouds"]["aws"]}
    assert code == 0, answer
    assert found["login"]["detail"].startswith(f"account {ACCOUNT}")
    for check in ("region", "bootstrap", "permissions", "quota: VPCs", "clashes"):
        assert found[check]["verdict"] == "ok", found[check]
    # 0 in use beyond the default network; staging has one of its own, with one NAT gateway.
    assert "1 more needed" in found["quota: VPCs"]["detail"]
    assert found["stack"]["verdict"] == "warning"


def test_doctor_names_what_would_fail_and_what_to_do(bench: Bench, capsys: Capture, allowed: dict[str, str]) -> None:
    configured(bench, network={"availabilityZones": ["us-east-1a", "us-east-1z"]}, domain="aex.example.org")
    allowed["ecs:CreateCluster"] = "implicitDeny"
    client("ecs").create_cluster(clusterName="aex-cluster-staging")
    client("ecr").create_repository(repositoryName="agent-exchange/aex-gateway-staging")
    client("ecr").create_repository(repositoryName="agent-exchange/aex-identity-staging")
    bench.own("aws:ecr/repository:Repository", "aex-identity", "agent-exchange/aex-identity-staging")
    client("secretsmanager").create_secret(Name="aex-jwt-secret-staging", SecretString="x")
    client("secretsmanager").delete_secret(SecretId="aex-jwt-secret-staging", RecoveryWindowInDays=30)
    code, answer = bench.json(capsys, "doctor", "-s", "staging")
    failed = [each for each in answer["clouds"]["aws"] if each["verdict"] == "failed"]
    text = "\n".join(each["detail"] for each in failed)
    assert code == 1
    assert all(each["remedy"] for each in failed)
    assert "us-east-1z is not available" in text
    assert "the account has no policy aex-boundary" in text
    assert "Route 53 has no zone example.org" in text
    assert "cluster aex-cluster-staging exists" in text
    assert "ECR repository agent-exchange/aex-gateway-staging exists" in text
    assert "aex-identity" not in text  # the stack's own
    assert "secret aex-jwt-secret-staging, which waits for its deletion, exists" in text
    (denied,) = [each for each in answer["clouds"]["aws"] if each["check"] == "permissions"]
    assert (denied["verdict"], "ecs:CreateCluster" in denied["detail"]) == ("warning", True)


def test_without_credentials_nothing_is_reached(bench: Bench, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(bench)

    def refuse(*_: Any, **__: Any) -> Any:
        raise Unreachable("AWS does not accept the credentials: expired", "Log in (`aws sso login`)")

    monkeypatch.setattr(AwsApi, "call", refuse)
    code, _, err = bench.aexctl(capsys, "status", "-s", "staging")
    assert (code, "aws sso login" in err) == (3, True)
    # doctor says it as a finding, after what it could check.
    code, answer = bench.json(capsys, "doctor", "-s", "staging")
    last = answer["clouds"]["aws"][-1]
    assert (code, last["verdict"], last["check"]) == (1, "failed", "cloud")


def test_aws_own_words_become_a_refusal_or_a_question_of_login() -> None:
    api = AwsApi("us-east-1")
    with pytest.raises(AwsRefusal) as refused:
        api.call("ecs", "describe_services", cluster="none", services=["x"])
    assert refused.value.missing and "ClusterNotFound" in str(refused.value)
    with pytest.raises(AwsRefusal) as refused:
        api.call("iam", "get_policy", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/none")
    assert refused.value.missing


def test_rollback_pins_the_digest_before_and_leaves_the_others_as_they_are(bench: Bench, capsys: Capture) -> None:
    deployed(bench)
    code, out, err = bench.aexctl(capsys, "rollback", "gateway", "-s", "staging", "--yes")
    assert code == 0, err
    image = bench.written("staging")["agent-exchange:image"]
    assert image["source"] == "prebuilt"
    assert image["digests"] == {name: OLD if name == "aex-gateway" else NEW for name in CATALOG.names}
    assert bench.runs[-1] == ["pulumi", "up", "--yes"]
    assert "aex-gateway-staging:1" in out
    # A second service goes back; the first stays where it is.
    assert bench.aexctl(capsys, "rollback", "identity", "-s", "staging", "--yes", "--no-up")[0] == 0
    digests = bench.written("staging")["agent-exchange:image"]["digests"]
    assert {name for name, digest in digests.items() if digest == OLD} == {"aex-gateway", "aex-identity"}
    assert bench.runs[-1][1] == "config"


def test_rollback_lists_what_ran_and_refuses_what_did_not(bench: Bench, capsys: Capture) -> None:
    deployed(bench)
    _, answer = bench.json(capsys, "rollback", "gateway", "--list", "-s", "staging")
    assert [(each["revision"], each["digest"], each["current"]) for each in answer["aex-gateway"]] == [
        ("aex-gateway-staging:2", NEW, True),
        ("aex-gateway-staging:1", OLD, False),
    ]
    code, _, err = bench.aexctl(capsys, "rollback", "gateway", "--to", "aex-gateway-staging:9", "-s", "staging")
    assert (code, "It has run: aex-gateway-staging:2, aex-gateway-staging:1" in err) == (2, True)
    assert not bench.runs


def test_a_shell_needs_its_switch(bench: Bench, capsys: Capture) -> None:
    deployed(bench)
    code, _, err = bench.aexctl(capsys, "exec", "identity", "-s", "staging")
    day = (datetime.now(UTC) + timedelta(days=7)).date()
    assert code == 2
    assert f"agent-exchange:aws.executeCommand.aex-identity {day}" in err


def test_a_teardown_says_what_is_lost_and_who_is_in_the_way(bench: Bench, capsys: Capture) -> None:
    deployed(bench)
    client("s3").create_bucket(Bucket="aex-exports")
    client("s3").put_object(Bucket="aex-exports", Key="a.jsonl", Body=b"1")
    bench.own("aws:s3/bucket:Bucket", "exports", "aex-exports")
    # moto's DocumentDB is RDS and knows no engine of that name; what is described is the same.
    client("docdb").create_db_cluster(
        DBClusterIdentifier="aex-docdb-staging", Engine="neptune", MasterUsername="root", MasterUserPassword="x" * 12
    )
    bench.own("aws:docdb/cluster:Cluster", "database", "aex-docdb-staging")
    vpc = client("ec2").create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    bench.own("aws:ec2/vpc:Vpc", "vpc", vpc)
    stranger = [{"Key": "project", "Value": "agent-exchange"}, {"Key": "stack", "Value": "pr-12"}]
    client("ec2").create_security_group(
        GroupName="aex-gateway-pr-12",
        Description="d",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": stranger}],
    )
    code, answer = bench.json(capsys, "teardown", "--dry-run", "-s", "staging")
    losses = {each["what"]: each for each in answer["losses"]["aws"]}
    assert code == 1
    assert losses["bucket"]["contents"] == "1 objects"
    assert losses["DocumentDB"]["contents"].startswith("available")
    assert losses["DocumentDB"]["kept"] == ""
    assert answer["obstacles"]["aws"] == [
        "stack pr-12 lives in the network of staging: tear it down first, `aexctl teardown --stack pr-12`"
    ]
    code, _, err = bench.aexctl(capsys, "teardown", "-s", "staging", "--confirm", "staging")
    assert (code, "nothing was deleted" in err, bench.runs) == (2, True, [])


def test_a_teardown_stops_one_off_tasks_and_tells_what_waits_from_what_is_left(
    bench: Bench, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.ops.commands.teardown._LAG_SECONDS", 0)
    configured(bench)
    bench.own("aws:ecs/cluster:Cluster", "cluster", "aex-cluster-staging")
    key = client("kms").create_key(Tags=[{"TagKey": key, "TagValue": value} for key, value in TAGS.items()])
    client("kms").schedule_key_deletion(KeyId=key["KeyMetadata"]["KeyId"], PendingWindowInDays=7)
    client("ecs").create_cluster(clusterName="aex-cluster-staging", tags=tags(upper=False))
    client("ecs").delete_cluster(cluster="aex-cluster-staging")
    code, out, err = bench.aexctl(capsys, "teardown", "-s", "staging", "--confirm", "staging")
    assert code == 0, (out, err)
    assert "is deleted on" in out and "nothing of staging is left that should not be" in out
    client("s3").create_bucket(Bucket="by-hand")
    client("s3").put_bucket_tagging(Bucket="by-hand", Tagging={"TagSet": tags()})
    code, out, err = bench.aexctl(capsys, "teardown", "-s", "staging", "--confirm", "staging")
    assert code == 1
    assert "by-hand" in out and "1 things with the tag of stack staging are left" in err
    assert bench.runs[-1] == ["pulumi", "destroy", "--yes", "--skip-preview"]


@pytest.mark.parametrize(
    ("code", "told"),
    [(0, "dropped its users and databases in staging's cluster"), (1, "stay in staging's cluster: refused")],
)
def test_a_teardown_drops_what_the_stack_has_in_the_cluster_of_another(
    bench: Bench, capsys: Capture, monkeypatch: pytest.MonkeyPatch, code: int, told: str
) -> None:
    monkeypatch.setattr("infra.ops.commands.teardown._LAG_SECONDS", 0)
    bench.config("pr-7", clouds=["aws"], aws__region="us-east-1")
    bench.own("aws:ecs/cluster:Cluster", "cluster", "aex-cluster-pr-7")
    bench.outputs["aws"] = {"operations": "arn", "cluster": "aex-cluster-pr-7"}
    asked: list[list[str]] = []

    def operate(api: Any, definition: str, arguments: list[str], say: Any) -> int:
        asked.append(list(arguments))
        say("refused")
        return code

    monkeypatch.setattr("infra.ops.clouds.aws_operations.operate", operate)
    ended, out, err = bench.aexctl(capsys, "teardown", "-s", "pr-7", "--confirm", "pr-7")
    assert ended == 0, (out, err)
    assert asked == [["drop"]]
    assert told in out + err
    assert bench.runs[-1] == ["pulumi", "destroy", "--yes", "--skip-preview"], "what stays is in nobody's way"


def test_check_runs_as_the_task_where_its_tags_say(
    bench: Bench, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(bench)
    bench.outputs["aws"] = {"operations": "arn:aws:ecs:us-east-1:123456789012:task-definition/aex-operations-staging:1"}
    asked: list[tuple[str, dict[str, Any]]] = []
    answers: dict[str, Any] = {
        "describe_task_definition": {
            "taskDefinition": {
                "containerDefinitions": [
                    {
                        "name": "aex-operations",
                        "logConfiguration": {
                            "options": {"awslogs-group": "/ecs/g", "awslogs-stream-prefix": "task"},
                        },
                    }
                ]
            },
            "tags": [
                {"key": "run-on-cluster", "value": "aex-cluster-staging"},
                {"key": "run-in-subnets", "value": "subnet-1 subnet-2"},
                {"key": "run-with-security-group", "value": "sg-1"},
            ],
        },
        "run_task": {"tasks": [{"taskArn": "arn:aws:ecs:us-east-1:123456789012:task/aex-cluster-staging/t1"}]},
        "describe_tasks": {"tasks": [{"lastStatus": "STOPPED", "containers": [{"exitCode": 0}]}]},
    }

    def call(self: AwsApi, service: str, operation: str, **arguments: Any) -> Any:
        asked.append((operation, arguments))
        if operation == "get_log_events":
            assert arguments["logStreamName"] == "task/aex-operations/t1"
            more = [] if "nextToken" in arguments else [{"message": "every invariant holds"}]
            return {"events": more, "nextForwardToken": "f/1"}
        return answers[operation]

    monkeypatch.setattr(AwsApi, "call", call)
    code, answer = bench.json(capsys, "check", "-s", "staging")
    assert (code, answer["holds"]) == (0, True)
    assert answer["log"] == ["task t1 on aex-cluster-staging", "every invariant holds"]
    started = dict(asked)["run_task"]
    assert started["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-1"],
        "assignPublicIp": "DISABLED",
    }
    override = {"name": "aex-operations", "command": ["python", "-m", "aex", "check"]}
    assert started["overrides"] == {"containerOverrides": [override]}
    answers["describe_tasks"] = {
        "tasks": [{"lastStatus": "STOPPED", "stoppedReason": "CannotPullContainerError", "containers": [{}]}]
    }
    code, _, err = bench.aexctl(capsys, "check", "-s", "staging")
    assert (code, "CannotPullContainerError" in err) == (1, True)


def test_exports_go_to_the_bucket_and_can_be_fetched(
    bench: Bench, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(bench)
    bench.outputs["aws"] = {"operations": "arn", "exports": "aex-exports"}
    told: list[list[str]] = []

    def operate(api: Any, definition: str, arguments: list[str], say: Any) -> int:
        told.append(list(arguments))
        return 0

    monkeypatch.setattr("infra.ops.clouds.aws_operations.operate", operate)
    code, answer = bench.json(capsys, "export", "today.jsonl", "-s", "staging")
    assert (code, answer["file"]) == (0, "s3://aex-exports/today.jsonl")
    assert answer["fetch"] == ["aws", "s3", "cp", "s3://aex-exports/today.jsonl", ".", "--region", "us-east-1"]
    assert bench.aexctl(capsys, "import", "today.jsonl", "--resume", "-s", "staging")[0] == 0
    assert told == [["export", answer["file"]], ["import", answer["file"], "--resume"]]
