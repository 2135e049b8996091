"""What is watched: the guide's five for every service, the door, the objective, the budget."""

import json

import pytest

from tests.infra.components.expected import PORTS
from tests.infra.gcp.stacks import REGION, stack

POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"

FIVE = {
    # alarm: (metric of Cloud Run, comparison, threshold): the guide's, in Google's units
    "cpu": ("container/cpu/utilizations", "COMPARISON_GT", 0.8),
    "memory": ("container/memory/utilizations", "COMPARISON_GT", 0.85),
    "running": ("container/instance_count", "COMPARISON_LT", 1),
    "errors": ("request_count", "COMPARISON_GT", 10),
    "latency": ("request_latencies", "COMPARISON_GT", 2000),
}


@pytest.mark.parametrize("name", sorted(FIVE))
def test_the_guides_five_alarms_watch_every_service(name: str) -> None:
    metric, comparison, threshold = FIVE[name]
    policy = stack("production").one(POLICY, name).inputs
    (condition,) = policy["conditions"]
    found = condition["conditionThreshold"]
    assert (found["comparison"], found["thresholdValue"]) == (comparison, threshold)
    assert f'metric.type = "run.googleapis.com/{metric}"' in found["filter"]
    assert f'resource.labels.location = "{REGION}"' in found["filter"]
    for service in PORTS:
        assert f'"{service}"' in found["filter"]
    assert found["aggregations"][0]["groupByFields"] == ["resource.label.service_name"], "an incident for each"
    assert policy["notificationChannels"] == ["oncall@example.org.name"]
    if found["duration"] == "0s":
        assert "evaluationMissingData" not in found, "refused without a duration"
    else:
        wanted = "ACTIVE" if name == "running" else "INACTIVE"
        assert found["evaluationMissingData"] == f"EVALUATION_MISSING_DATA_{wanted}"


def test_services_that_may_sleep_are_not_missed() -> None:
    found = {each.name for each in stack("staging").of(POLICY)}
    assert found == {*FIVE, "reachable", "burn-fast", "burn-slow"} - {"running"}


def test_the_gateway_is_watched_from_outside() -> None:
    run = stack("production")
    check = run.one("gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig").inputs
    assert check["httpCheck"]["path"] == "/health"
    assert check["httpCheck"]["useSsl"] is True
    assert check["httpCheck"]["validateSsl"] is True
    assert check["monitoredResource"]["labels"]["host"] == "aex.example.org"
    (condition,) = run.one(POLICY, "reachable").inputs["conditions"]
    assert "uptime_check/check_passed" in condition["conditionThreshold"]["filter"]


def test_the_objective_burns_in_two_windows_at_two_speeds() -> None:
    run = stack("production")
    objective = run.one("gcp:monitoring/slo:Slo").inputs
    assert (objective["goal"], objective["rollingPeriodDays"]) == (0.999, 30)
    ratio = objective["requestBasedSli"]["goodTotalRatio"]
    assert '"5xx"' in ratio["badServiceFilter"]
    assert '"aex-gateway"' in ratio["totalServiceFilter"]
    for name, speed, windows in (("burn-fast", 14.4, ("3600s", "300s")), ("burn-slow", 6, ("21600s", "1800s"))):
        policy = run.one(POLICY, name).inputs
        assert policy["combiner"] == "AND"
        found = [each["conditionThreshold"] for each in policy["conditions"]]
        assert [each["thresholdValue"] for each in found] == [speed, speed]
        for each, window in zip(found, windows, strict=True):
            assert each["filter"] == f'select_slo_burn_rate("availability.name", "{window}")'


def test_errors_in_the_logs_are_counted_by_service() -> None:
    metric = stack("staging").one("gcp:logging/metric:Metric").inputs
    assert metric["name"] == "aex-errors-staging"
    assert "severity >= ERROR" in metric["filter"]
    for service in PORTS:
        assert f'"{service}-staging"' in metric["filter"]
    assert metric["labelExtractors"] == {"service": "EXTRACT(resource.labels.service_name)"}


def test_no_alarm_waits_for_the_log_metric_which_google_knows_only_minutes_later() -> None:
    for each in stack("production").of(POLICY):
        assert "logging.googleapis.com/user" not in json.dumps(each.inputs)


def test_the_dashboard_has_a_row_for_every_service_and_no_tile_hides_another() -> None:
    layout = json.loads(stack("production").one("gcp:monitoring/dashboard:Dashboard").inputs["dashboardJson"])
    tiles = layout["mosaicLayout"]["tiles"]
    titles = [tile["widget"]["title"] for tile in tiles]
    for service in PORTS:
        assert sum(title.startswith(f"{service}:") for title in titles) == 4
    assert "Alarms" in titles
    seen: set[tuple[int, int]] = set()
    for tile in tiles:
        cells = {
            (x, y)
            for x in range(tile["xPos"], tile["xPos"] + tile["width"])
            for y in range(tile["yPos"], tile["yPos"] + tile["height"])
        }
        assert not cells & seen
        assert max(x for x, _ in cells) < layout["mosaicLayout"]["columns"]
        seen |= cells


def test_a_budget_is_there_only_when_it_is_asked_for() -> None:
    budget = stack("production").one("gcp:billing/budget:Budget").inputs
    assert budget["amount"] == {"specifiedAmount": {"units": "1500"}}
    # No labels: what carries none (traffic, the database's operations, logs) would cost money unseen.
    assert budget["budgetFilter"] == {"projects": ["projects/123456789012"], "calendarPeriod": "MONTH"}
    assert budget["allUpdatesRule"]["monitoringNotificationChannels"] == ["oncall@example.org.name"]
    assert not stack("staging").of("gcp:billing/budget:Budget")
