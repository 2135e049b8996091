"""The guide's five alarms, with its thresholds, for every service; alarms for the database, the door and the way out.

Owns thresholds, metrics and what missing data means. Requests to the gateway are counted by the load balancer, those to
the nine others by Service Connect, under a discovery name that no other stack of the account has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.components.naming import Kind

MINUTE: Final = 60
_ECS, _INSIGHTS, _BALANCER = "AWS/ECS", "ECS/ContainerInsights", "AWS/ApplicationELB"

NOTHING_WRONG: Final = "notBreaching"
"""No requests, no errors: missing data is good news."""
SOMETHING_WRONG: Final = "breaching"
"""A service that reports nothing does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alarm. `threshold` in the metric's own unit; `minutes` it must last."""

    name: str
    description: str
    namespace: str
    metric: str
    statistic: str
    above: float | None = None
    below: float | None = None
    minutes: int = 3
    missing: str = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The load balancer's part of the gateway's metrics: suffixes of ARNs, as dimensions have them."""

    balancer: pulumi.Input[str]
    target_group: pulumi.Input[str]


RUNNING: Final = Rule(
    name="running",
    description="No task runs",
    namespace=_INSIGHTS,
    metric="RunningTaskCount",
    statistic="Minimum",
    below=1,
    minutes=3,
    missing=SOMETHING_WRONG,
)

SATURATION: Final = (
    Rule(
        name="cpu",
        description="CPU above 80 %: scaling does not keep up, or has reached its maximum",
        namespace=_ECS,
        metric="CPUUtilization",
        statistic="Average",
        above=80,
        minutes=5,
    ),
    Rule(
        name="memory",
        description="Memory above 85 %: tasks will be killed soon",
        namespace=_ECS,
        metric="MemoryUtilization",
        statistic="Average",
        above=85,
        minutes=5,
    ),
    RUNNING,
)
"""Never a reason to roll back: a deployment that is under way may show any of these."""

ERRORS: Final = Rule(
    name="errors",
    description="More than 10 answers with 5xx in a minute",
    namespace=_ECS,
    metric="HTTPCode_Target_5XX_Count",
    statistic="Sum",
    above=10,
    minutes=1,
    missing=NOTHING_WRONG,
)
LATENCY: Final = Rule(
    name="latency",
    description="Answers take more than 2 s",
    namespace=_ECS,
    metric="TargetResponseTime",
    statistic="Average",
    above=2,
    minutes=3,
    missing=NOTHING_WRONG,
)


def rollback_rules(door: Door | None) -> tuple[Rule, Rule]:
    """What a deployment is rolled back for. Service Connect counts milliseconds, a load balancer seconds."""
    if door is not None:
        return _moved(ERRORS, _BALANCER, 10), _moved(LATENCY, _BALANCER, 2)
    return ERRORS, _moved(LATENCY, _ECS, 2000)


def rollback_dimensions(ctx: Context, service: str, door: Door | None) -> dict[str, pulumi.Input[str]]:
    """Where requests to a service are counted."""
    if door is not None:
        return {"LoadBalancer": door.balancer, "TargetGroup": door.target_group}
    return {"TargetDiscoveryName": ctx.name(service, Kind.DISCOVERY)}


def alarm_name(ctx: Context, subject: str, rule: Rule) -> str:
    """`<subject>-<rule>`, by which a deployment watches its alarms."""
    return ctx.name(f"{subject}-{rule.name}", Kind.ALARM)


def alarm(
    ctx: Context,
    subject: str,
    rule: Rule,
    dimensions: Mapping[str, pulumi.Input[str]],
    *,
    topic: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    service: str | None = None,
) -> aws.cloudwatch.MetricAlarm:
    """One alarm that tells `topic` when it starts and when it is over."""
    above = rule.above is not None
    return aws.cloudwatch.MetricAlarm(
        f"{subject}-{rule.name}",
        name=alarm_name(ctx, subject, rule),
        alarm_description=f"{subject}: {rule.description} (stack {ctx.stack})",
        namespace=rule.namespace,
        metric_name=rule.metric,
        statistic=rule.statistic,
        dimensions=dimensions,
        period=MINUTE,
        evaluation_periods=rule.minutes,
        datapoints_to_alarm=rule.minutes,
        threshold=rule.above if rule.above is not None else rule.below,
        comparison_operator="GreaterThanThreshold" if above else "LessThanThreshold",
        treat_missing_data=rule.missing,
        actions_enabled=True,
        alarm_actions=[topic],
        ok_actions=[topic],
        tags=ctx.tags(service=service),
        opts=opts,
    )


def database_rules(instances: int) -> tuple[Rule, ...]:
    """What can be wrong with a DocumentDB cluster."""
    namespace, gibibyte = "AWS/DocDB", 1024**3
    return (
        _database(namespace, "cpu", "CPU above 80 %", "CPUUtilization", "Maximum", above=80, minutes=10),
        _database(
            namespace, "memory", "Less than 512 MiB of memory left", "FreeableMemory", "Minimum", below=gibibyte / 2
        ),
        _database(namespace, "connections", "More than 400 connections", "DatabaseConnections", "Maximum", above=400.0),
        _database(
            namespace,
            "cursors",
            "Operations wait for memory: the instance class is too small",
            "LowMemNumOperationsThrottled",
            "Sum",
            above=0.0,
        ),
        *(
            [
                _database(
                    namespace,
                    "lag",
                    "Replicas lag by more than 2 s",
                    "DBClusterReplicaLagMaximum",
                    "Maximum",
                    above=2000,
                )
            ]
            if instances > 1
            else []
        ),
    )


BALANCER_RULES: Final = (
    Rule(
        name="refused",
        description="The load balancer itself answers 5xx: no healthy target, or a target that does not answer",
        namespace=_BALANCER,
        metric="HTTPCode_ELB_5XX_Count",
        statistic="Sum",
        above=10,
        minutes=1,
        missing=NOTHING_WRONG,
    ),
    Rule(
        name="rejected",
        description="Connections are rejected at the load balancer's limit",
        namespace=_BALANCER,
        metric="RejectedConnectionCount",
        statistic="Sum",
        above=0,
        minutes=1,
        missing=NOTHING_WRONG,
    ),
)

TARGET_RULE: Final = Rule(
    name="unhealthy",
    description="A task of the gateway fails its health check",
    namespace=_BALANCER,
    metric="UnHealthyHostCount",
    statistic="Maximum",
    above=0,
    minutes=5,
    missing=NOTHING_WRONG,
)

NAT_RULES: Final = (
    Rule(
        name="ports",
        description="No free port for connections to the internet",
        namespace="AWS/NATGateway",
        metric="ErrorPortAllocation",
        statistic="Sum",
        above=0,
        minutes=1,
        missing=NOTHING_WRONG,
    ),
    Rule(
        name="drops",
        description="Packets to the internet are dropped",
        namespace="AWS/NATGateway",
        metric="PacketsDropCount",
        statistic="Sum",
        above=100,
        minutes=5,
        missing=NOTHING_WRONG,
    ),
)


def _moved(rule: Rule, namespace: str, above: float) -> Rule:
    return Rule(
        name=rule.name,
        description=rule.description,
        namespace=namespace,
        metric=rule.metric,
        statistic=rule.statistic,
        above=above,
        minutes=rule.minutes,
        missing=rule.missing,
    )


def _database(
    namespace: str,
    name: str,
    description: str,
    metric: str,
    statistic: str,
    *,
    above: float | None = None,
    below: float | None = None,
    minutes: int = 5,
) -> Rule:
    return Rule(
        name=name,
        description=description,
        namespace=namespace,
        metric=metric,
        statistic=statistic,
        above=above,
        below=below,
        minutes=minutes,
    )


__all__ = [
    "BALANCER_RULES",
    "NAT_RULES",
    "RUNNING",
    "SATURATION",
    "TARGET_RULE",
    "Door",
    "Rule",
    "alarm",
    "alarm_name",
    "database_rules",
    "rollback_dimensions",
    "rollback_rules",
]
