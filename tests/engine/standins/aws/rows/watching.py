"""CloudWatch, its logs, SNS, budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.components.protocol import Plain, PlainProperties
from tests.engine.standins.aws.kind import Also, Call, Row
from tests.engine.standins.traits import Name, Traits, Within, fixed


def _alarm(inputs: PlainProperties) -> Mapping[str, Plain]:
    """A metric of a query is two objects in AWS's parameters, and one in pulumi-aws."""
    queries = inputs.get("metricQueries")
    if not isinstance(queries, list):
        return inputs
    return {
        **{key: value for key, value in inputs.items() if key != "metricQueries"},
        "metrics": [*map(_query, queries)],
    }


def _query(query: Any) -> Plain:
    metric = query.get("metric")
    if metric is None:
        return dict(query)
    inner = {key: metric[key] for key in ("namespace", "metricName", "dimensions") if key in metric}
    stat = {key: value for key, value in metric.items() if key not in inner}
    return {**{key: value for key, value in query.items() if key != "metric"}, "metricStat": {**stat, "metric": inner}}


def _topic(inputs: PlainProperties) -> Mapping[str, Plain]:
    attributes = {key[0].upper() + key[1:]: value for key, value in inputs.items() if key not in ("name", "tags")}
    return {"name": inputs["name"], "tags": inputs.get("tags"), "attributes": attributes}


def _budget(inputs: PlainProperties) -> dict[str, Any]:
    filters: Any = inputs.get("costFilters") or []
    notifications: Any = inputs.get("notifications") or []
    budget = {
        "BudgetName": inputs["name"],
        "BudgetType": inputs["budgetType"],
        "TimeUnit": inputs["timeUnit"],
        "BudgetLimit": {"Amount": str(inputs["limitAmount"]), "Unit": inputs["limitUnit"]},
        "CostFilters": {each["name"]: each["values"] for each in filters},
    }
    return {"Budget": budget, "NotificationsWithSubscribers": [_notification(each) for each in notifications]}


def _notification(each: Mapping[str, Any]) -> dict[str, Any]:
    subscribers = [
        {"SubscriptionType": kind, "Address": address}
        for key, kind in (("subscriberSnsTopicArns", "SNS"), ("subscriberEmailAddresses", "EMAIL"))
        for address in each.get(key) or []
    ]
    notification = {
        "NotificationType": each["notificationType"],
        "ComparisonOperator": each["comparisonOperator"],
        "Threshold": float(each["threshold"]),
        "ThresholdType": each["thresholdType"],
    }
    return {"Notification": notification, "Subscribers": subscribers}


_ALARM = Call("put_metric_alarm", {"name": "AlarmName"}, prepare=_alarm)

ROWS = {
    "aws:cloudwatch/logGroup:LogGroup": Row(
        service="logs",
        create=Call("create_log_group", {"name": "logGroupName"}),
        echoed=fixed("skipDestroy"),
        id="{name}",
        also=(
            Also(
                ["retentionInDays"],
                Call(
                    "put_retention_policy",
                    only=(),
                    more={"logGroupName": "{id}", "retentionInDays": "{retentionInDays}"},
                ),
            ),
        ),
        read=("describe_log_groups", {"logGroupNamePrefix": "{id}"}, "logGroups[?logGroupName=='<id>']|[0]"),
        delete=("delete_log_group", {"logGroupName": "{id}"}),
        outputs={"arn": "arn:aws:logs:{region}:{account}:log-group:{id}"},
        traits=Traits(name=Name(pattern=r"[\w./#-]+", limit=512), replace_on=fixed("name", "logGroupClass")),
    ),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": Row(
        service="logs",
        create=Call("put_resource_policy"),
        id="{policyName}",
        read=("describe_resource_policies", {}, "resourcePolicies[?policyName=='<id>']|[0]"),
        update=Call("put_resource_policy"),
        whole=True,
        delete=("delete_resource_policy", {"policyName": "{id}"}),
        traits=Traits(replace_on=fixed("policyName")),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Row(
        service="cloudwatch",
        create=_ALARM,
        id="{name}",
        read=("describe_alarms", {"AlarmNames": ["{id}"]}, "MetricAlarms[0]"),
        update=_ALARM,
        whole=True,
        delete=("delete_alarms", {"AlarmNames": ["{id}"]}),
        outputs={"arn": "AlarmArn"},
        traits=Traits(name=Name(pattern=r"[^\x00-\x1f]+", limit=255), replace_on=fixed("name")),
    ),
    "aws:cloudwatch/dashboard:Dashboard": Row(
        service="cloudwatch",
        create=Call("put_dashboard"),
        id="{dashboardName}",
        read=("get_dashboard", {"DashboardName": "{id}"}, "@"),
        update=Call("put_dashboard"),
        whole=True,
        delete=("delete_dashboards", {"DashboardNames": ["{id}"]}),
        outputs={"dashboardArn": "DashboardArn"},
        traits=Traits(name=Name("dashboardName", r"[\w-]+", 255, auto=False), replace_on=fixed("dashboardName")),
    ),
    "aws:sns/topic:Topic": Row(
        service="sns",
        create=Call("create_topic", prepare=_topic),
        id="TopicArn",
        read=("get_topic_attributes", {"TopicArn": "{id}"}, "Attributes"),
        delete=("delete_topic", {"TopicArn": "{id}"}),
        outputs={"arn": "TopicArn"},
        traits=Traits(name=Name(pattern=r"[\w-]+(\.fifo)?", limit=256), replace_on=fixed("name"), cascades=True),
    ),
    "aws:sns/topicPolicy:TopicPolicy": Row(
        service="sns",
        create=Call(
            "set_topic_attributes",
            only=(),
            more={"TopicArn": "{arn}", "AttributeName": "Policy", "AttributeValue": "{policy}"},
        ),
        id="{arn}",
        read=("get_topic_attributes", {"TopicArn": "{arn}"}, "Attributes"),
        also=(),
        update=Call(
            "set_topic_attributes",
            only=(),
            more={"TopicArn": "{arn}", "AttributeName": "Policy", "AttributeValue": "{policy}"},
        ),
        # The provider puts the default policy back, which moto would make up; it goes with the topic.
        delete=None,
        traits=Traits(replace_on=fixed("arn"), within=(Within("arn", "aws:sns/topic:Topic"),)),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Row(
        service="sns",
        create=Call("subscribe", {"topic": "TopicArn"}, more={"ReturnSubscriptionArn": True}),
        id="SubscriptionArn",
        read=("get_subscription_attributes", {"SubscriptionArn": "{id}"}, "Attributes"),
        delete=("unsubscribe", {"SubscriptionArn": "{id}"}),
        outputs={"arn": "SubscriptionArn"},
        traits=Traits(
            replace_on=fixed("topic", "protocol", "endpoint"), within=(Within("topic", "aws:sns/topic:Topic"),)
        ),
    ),
    "aws:budgets/budget:Budget": Row(
        service="budgets",
        create=Call("create_budget", skip=["tags"], build=_budget, more={"AccountId": "{account}"}),
        id="{account}:{name}",
        read=("describe_budget", {"AccountId": "{account}", "BudgetName": "{name}"}, "Budget"),
        delete=("delete_budget", {"AccountId": "{account}", "BudgetName": "{name}"}),
        outputs={"arn": "arn:aws:budgets::{account}:budget/{name}"},
        traits=Traits(name=Name(pattern=r"[^:\\]+", limit=100), replace_on=fixed("name")),
    ),
}

__all__ = ["ROWS"]
