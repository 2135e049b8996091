"""The topic of alarms: who may publish, with which key, and who hears of it."""

import json
from typing import Any

from infra.aws.encryption import Encryption
from infra.aws.notifications import Notifications
from tests.infra.aws import parts, stacks
from tests.infra.aws.stacks import ACCOUNT
from tests.infra.mocks import Run

PUBLISHERS = {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}


def statements(run: Run, token: str) -> dict[str, Any]:
    return {each["Sid"]: each for each in json.loads(run.one(token).inputs["policy"])["Statement"]}


def test_alarms_and_budgets_of_this_account_may_publish_and_nobody_else() -> None:
    run = parts.alone(Notifications)
    topic = run.one("aws:sns/topic:Topic")
    assert topic.inputs["kmsMasterKeyId"] == parts.KEY
    (allowed,) = statements(run, "aws:sns/topicPolicy:TopicPolicy").values()
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", ["sns:Publish"])
    assert set(allowed["Principal"]["Service"]) == PUBLISHERS
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert len(allowed["Resource"]) == 1
    assert allowed["Resource"][0].endswith(":alarms")


def test_the_key_lets_itself_be_used_by_who_publishes_and_by_logs_of_this_account() -> None:
    """Whoever may publish to an encrypted topic, but not use its key, reaches nobody, and nothing says so."""
    found = statements(parts.alone(Encryption), "aws:kms/key:Key")
    assert set(found) == {"AccountDecidesByIam", "LogGroupsOfThisAccount", "AlarmsAndBudgetsPublish"}
    publish = found["AlarmsAndBudgetsPublish"]
    assert set(publish["Principal"]["Service"]) == PUBLISHERS
    assert set(publish["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    logs = found["LogGroupsOfThisAccount"]
    assert logs["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert logs["Condition"]["ArnLike"] == {
        "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:*"
    }


def test_everything_that_publishes_waits_for_the_permission() -> None:
    run = stacks.stack("production")
    topic = run.one("aws:sns/topicPolicy:TopicPolicy").urn
    alarms = [*run.of("aws:cloudwatch/metricAlarm:MetricAlarm"), *run.of("aws:budgets/budget:Budget")]
    speaking = [each for each in alarms if each.inputs.get("alarmActions") or each.inputs.get("notifications")]
    assert len(speaking) > 50
    for each in speaking:
        key = "alarmActions" if "alarmActions" in each.inputs else "notifications"
        assert topic in set(each.options.propertyDependencies[key].urns), each.urn
    (address,) = run.of("aws:sns/topicSubscription:TopicSubscription")
    assert (address.inputs["protocol"], address.inputs["endpoint"]) == ("email", "oncall@example.org")
