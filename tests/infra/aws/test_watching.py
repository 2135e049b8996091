"""What a stack says when something is wrong, and to whom."""

import json

import pytest

from infra.aws import slo
from infra.aws.scaling import CPU_PERCENT
from tests.infra.aws import stacks
from tests.infra.components.expected import PORTS

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

THRESHOLDS = {
    # the guide's table: rule -> (operator, threshold, statistic, what missing data means)
    "cpu": ("GreaterThanThreshold", 80, "Average", "missing"),
    "memory": ("GreaterThanThreshold", 85, "Average", "missing"),
    "running": ("LessThanThreshold", 1, "Minimum", "breaching"),
    "errors": ("GreaterThanThreshold", 10, "Sum", "notBreaching"),
}


@pytest.mark.parametrize("service", list(PORTS))
def test_the_guides_five_alarms_watch_every_service(service: str) -> None:
    run = stacks.stack("production")
    for rule, expected in THRESHOLDS.items():
        found = run.one(ALARM, f"{service}-{rule}").inputs
        keys = ("comparisonOperator", "threshold", "statistic", "treatMissingData")
        assert tuple(found[key] for key in keys) == expected
        assert found["alarmActions"] == found["okActions"]
        assert found["alarmActions"][0].endswith(":alarms")
        assert found["actionsEnabled"] is True
    latency = run.one(ALARM, f"{service}-latency").inputs
    if service == "aex-gateway":
        assert (latency["namespace"], latency["threshold"]) == ("AWS/ApplicationELB", 2)
        assert set(latency["dimensions"]) == {"LoadBalancer", "TargetGroup"}
    else:
        assert (latency["namespace"], latency["threshold"]) == ("AWS/ECS", 2000), "Service Connect counts milliseconds"
        assert latency["dimensions"] == {"TargetDiscoveryName": service}


def test_nobody_is_told_that_nothing_runs_before_anything_could() -> None:
    run = stacks.stack("staging")
    for service in PORTS:
        deployed = run.one("aws:ecs/service:Service", service).urn
        assert deployed in set(run.one(ALARM, f"{service}-running").options.dependencies)


def test_where_no_task_has_to_run_none_is_missed() -> None:
    scaling = {"aex-telemetry": {"fixed": 0}, "aex-settlement": {"minimum": 0}, "aex-identity": {"fixed": 1}}
    run = stacks.run_of(stacks.settings_of("staging", {"scaling": scaling}))
    missed = {each.name.removesuffix("-running") for each in run.of(ALARM) if each.name.endswith("-running")}
    assert missed == set(PORTS) - {"aex-telemetry", "aex-settlement"}
    assert run.one(ALARM, "aex-telemetry-memory")


def test_database_door_and_ways_out_are_watched() -> None:
    names = {each.name for each in stacks.stack("production").of(ALARM)}
    assert {f"aex-docdb-{rule}" for rule in ("cpu", "memory", "connections", "cursors", "lag")} <= names
    assert {f"aex-alb-{rule}" for rule in ("refused", "rejected", "unhealthy")} <= names
    assert {f"aex-nat-{number}-{rule}" for number in (1, 2) for rule in ("ports", "drops")} <= names
    ephemeral = {each.name for each in stacks.stack("pr-12").of(ALARM)}
    assert not [name for name in ephemeral if "docdb" in name or "nat" in name], "their owner watches them"


def test_the_objective_needs_two_windows_and_some_traffic() -> None:
    run = stacks.stack("production")
    rules = {each.name: each.inputs["alarmRule"] for each in run.of("aws:cloudwatch/compositeAlarm:CompositeAlarm")}
    assert rules == {
        "burn-fast": 'ALARM("aex-burn-fast-60m") AND ALARM("aex-burn-fast-5m")',
        "burn-slow": 'ALARM("aex-burn-slow-360m") AND ALARM("aex-burn-slow-30m")',
    }
    assert run.one(ALARM, "aex-burn-fast-60m").inputs["threshold"] == pytest.approx(0.0144)
    assert run.one(ALARM, "aex-burn-slow-30m").inputs["threshold"] == pytest.approx(0.006)
    windows = {each.inputs["metricQueries"][1]["metric"]["period"] for each in run.of(ALARM) if "burn" in each.name}
    assert windows == {300, 1800, 3600, 21600}
    assert slo.ratio(5).startswith("IF((FILL(requests, 0) + FILL(door, 0)) >= 10,")


def test_alarms_can_use_the_topics_key_and_people_hear_of_them() -> None:
    run = stacks.stack("production")
    assert run.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"].endswith(":key")
    key = json.loads(run.one("aws:kms/key:Key").inputs["policy"])["Statement"]
    (publishing,) = [each for each in key if each["Sid"] == "AlarmsAndBudgetsPublish"]
    assert set(publishing["Principal"]["Service"]) == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} == set(publishing["Action"])
    assert run.one("aws:sns/topicSubscription:TopicSubscription").inputs["endpoint"] == "oncall@example.org"


def test_the_dashboard_shows_every_service_and_fits() -> None:
    body = json.loads(stacks.stack("production").one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"])
    titles = [each["properties"]["title"] for each in body["widgets"]]
    for service in set(PORTS) - {"aex-gateway"}:
        assert {f"{service}: requests", f"{service}: errors", f"{service}: latency (ms)"} <= set(titles)
    assert any(title.startswith("Database") for title in titles)
    places = [(each["x"], each["y"]) for each in body["widgets"]]
    assert len(set(places)) == len(places)
    assert all(each["x"] + each["width"] <= 24 for each in body["widgets"])
    alarms = body["widgets"][0]["properties"]["alarms"]
    assert len(alarms) <= 100, "CloudWatch's limit for one widget"


def test_saved_queries_cover_all_log_groups() -> None:
    for query in stacks.stack("staging").of("aws:cloudwatch/queryDefinition:QueryDefinition"):
        assert len(query.inputs["logGroupNames"]) == 10


def test_logs_are_encrypted_and_kept_as_long_as_the_environment_needs() -> None:
    days = {"staging": 30, "production": 365, "pr-12": 7}
    for name, expected in days.items():
        for group in stacks.stack(name).of("aws:cloudwatch/logGroup:LogGroup"):
            assert group.inputs["retentionInDays"] == expected
            assert group.inputs["kmsKeyId"].endswith(":key")


def test_scaling_tracks_what_the_guide_says() -> None:
    policies = {each.name: each.inputs for each in stacks.stack("production").of("aws:appautoscaling/policy:Policy")}
    assert CPU_PERCENT == 70
    for service in PORTS:
        cpu = policies[f"{service}-cpu"]["targetTrackingScalingPolicyConfiguration"]
        assert (cpu["targetValue"], cpu["scaleOutCooldown"], cpu["scaleInCooldown"]) == (70, 60, 300)
        assert f"{service}-memory" in policies
    assert [name for name in policies if name.endswith("-requests")] == ["aex-gateway-requests"]
    requests = policies["aex-gateway-requests"]["targetTrackingScalingPolicyConfiguration"]
    label = requests["predefinedMetricSpecification"]["resourceLabel"]
    assert label == "alb.arnSuffix/aex-gateway.arnSuffix"


def test_a_budget_counts_this_stack_only() -> None:
    budget = stacks.stack("production").one("aws:budgets/budget:Budget").inputs
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:stack$production"]}]
    assert {each["notificationType"] for each in budget["notifications"]} == {"ACTUAL", "FORECASTED"}
    assert stacks.stack("staging").of("aws:budgets/budget:Budget") == []
