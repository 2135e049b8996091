"""What a reviewer reads under a pull request."""

from __future__ import annotations

import json
from collections.abc import Mapping

from infra.ops.summary import headline, markdown, summary

ROOT = "urn:pulumi:staging::agent-exchange::agent-exchange:aws:Platform"


def _event(operation: str, token: str, name: str, *paths: str) -> str:
    diff = {path: {"diffKind": "update"} for path in paths}
    metadata = {"op": operation, "type": token, "urn": f"{ROOT}${token}::{name}", "detailedDiff": diff}
    return json.dumps({"resourcePreEvent": {"metadata": metadata}})


def _end(changes: Mapping[str, int]) -> str:
    return json.dumps({"summaryEvent": {"resourceChanges": changes}})


def test_nothing_to_do_is_one_line() -> None:
    events = [_event("same", "aws:ec2/vpc:Vpc", "vpc"), _end({"same": 434})]
    assert markdown("staging", summary(events)).strip() == "### staging: no changes"


def test_what_goes_away_comes_first_and_is_not_folded() -> None:
    events = [
        _event("update", "aws:ecs/service:Service", "aex-gateway", "taskDefinition"),
        _event("create-replacement", "aws:docdb/cluster:Cluster", "database", "engineVersion", "tags.stack"),
        _event("delete", "aws:cloudwatch/metricAlarm:MetricAlarm", "old"),
        _end({"same": 40, "update": 1, "replace": 1, "delete": 1}),
    ]
    found = summary(events)
    assert headline(found) == (":warning: 1 with data to lose, 1 to delete, 1 to replace, 1 to change, 40 unchanged")
    text = markdown("staging", found)
    first, folded = text.split("<details>")
    assert "| replace :warning: holds data | `aws:docdb/cluster:Cluster` | database | engineVersion, tags |" in first
    assert "| delete | `aws:cloudwatch/metricAlarm:MetricAlarm` | old |" in first
    assert "aex-gateway" not in first
    assert "| change | `aws:ecs/service:Service` | aex-gateway | taskDefinition |" in folded


def test_a_replacement_is_one_step_though_the_engine_tells_it_in_three() -> None:
    token = "aws:ecs/taskDefinition:TaskDefinition"
    events = [_event(each, token, "aex-gateway") for each in ("create-replacement", "replace", "delete-replaced")]
    assert [step.operation for step in summary(events).steps] == ["replace"]


def test_a_change_of_what_holds_data_loses_none() -> None:
    found = summary([_event("update", "aws:docdb/cluster:Cluster", "database", "backupRetentionPeriod")])
    assert not any(step.holds_data for step in found.steps)


def test_broken_policies_and_errors_are_told_and_cannot_write_markup() -> None:
    events = [
        json.dumps({"policyEvent": {"enforcementLevel": "mandatory", "message": "iam-wildcard:\n <b>narrow it</b>"}}),
        json.dumps({"policyEvent": {"enforcementLevel": "advisory", "message": "log-retention: longer"}}),
    ]
    found = summary(events)
    assert "* mandatory: iam-wildcard: &lt;b>narrow it&lt;/b>" in markdown("staging", found)
    broken = summary([json.dumps({"diagnosticEvent": {"severity": "error", "message": "no such zone\n"}})])
    assert "### staging: it fails" in markdown("staging", broken)
    assert "no such zone" in markdown("staging", broken)


def test_what_is_no_event_is_passed_over() -> None:
    assert summary(["Previewing update (staging):", "", _end({"same": 3})]).unchanged == 3
