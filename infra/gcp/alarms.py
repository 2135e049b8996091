"""The guide's five alarms, with its thresholds, for every service.

Owns thresholds, metrics and what missing data means. One policy for each rule watches all services and opens an
incident for each that is in trouble, which is how Google counts, and bills, them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.gcp.context import Context

MINUTE: Final = 60
NOTHING_WRONG: Final = "EVALUATION_MISSING_DATA_INACTIVE"
"""No requests, no errors: missing data is good news."""
SOMETHING_WRONG: Final = "EVALUATION_MISSING_DATA_ACTIVE"
"""A service that reports nothing does not run."""
_AUTO_CLOSE_SECONDS: Final = 1800
"""The shortest that Google accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alarm. Thresholds in the metric's own unit; `minutes` it must last."""

    name: str
    description: str
    metric: str
    align: str
    reduce: str
    above: float | None = None
    below: float | None = None
    minutes: int = 3
    missing: str = NOTHING_WRONG
    only: str = ""
    """A further condition of the metric's filter."""
    needs_floor: bool = False
    """Whether the rule makes sense only for services that always keep an instance."""
    severity: str = "WARNING"

    def __post_init__(self) -> None:
        """Refuse what Google would, or what could never fire."""
        if (self.above is None) == (self.below is None):
            raise ValueError(f"alarm {self.name} has two thresholds or none: set either above or below")


RULES: Final = (
    Rule(
        name="cpu",
        description="CPU above 80 %: scaling does not keep up, or has reached its maximum",
        metric="container/cpu/utilizations",
        align="ALIGN_PERCENTILE_50",
        reduce="REDUCE_MAX",
        above=0.8,
        minutes=5,
    ),
    Rule(
        name="memory",
        description="Memory above 85 %: instances will be killed soon",
        metric="container/memory/utilizations",
        align="ALIGN_PERCENTILE_99",
        reduce="REDUCE_MAX",
        above=0.85,
        minutes=5,
    ),
    Rule(
        name="running",
        description="No instance runs",
        metric="container/instance_count",
        align="ALIGN_MAX",
        reduce="REDUCE_SUM",
        below=1,
        minutes=5,
        missing=SOMETHING_WRONG,
        needs_floor=True,
        severity="CRITICAL",
    ),
    Rule(
        name="errors",
        description="More than 10 answers with 5xx in a minute",
        metric="request_count",
        align="ALIGN_DELTA",
        reduce="REDUCE_SUM",
        above=10,
        minutes=0,
        only='metric.labels.response_code_class = "5xx"',
        severity="CRITICAL",
    ),
    Rule(
        name="latency",
        description="One answer in twenty takes more than 2 s",
        metric="request_latencies",
        align="ALIGN_PERCENTILE_95",
        reduce="REDUCE_MAX",
        above=2000,
        minutes=3,
    ),
)
"""Utilizations are shares of one, latencies milliseconds."""


def metric_filter(ctx: Context, metric: str, services: Sequence[str], only: str = "") -> str:
    """Monitoring's filter for a metric of Cloud Run, over some services of this stack."""
    names = ", ".join(f'"{ctx.name(service, Kind.CLOUD_RUN)}"' for service in services)
    parts = [
        f'metric.type = "run.googleapis.com/{metric}"',
        'resource.type = "cloud_run_revision"',
        f'resource.labels.location = "{ctx.region}"',
        f"resource.labels.service_name = one_of({names})",
        *([only] if only else []),
    ]
    return " AND ".join(parts)


def alarm(
    ctx: Context,
    rule: Rule,
    services: Sequence[str],
    channels: Sequence[pulumi.Input[str]],
    *,
    parent: pulumi.Resource,
) -> gcp.monitoring.AlertPolicy:
    """The policy of one rule over `services`."""
    condition = gcp.monitoring.AlertPolicyConditionConditionThresholdArgs(
        filter=metric_filter(ctx, rule.metric, services, rule.only),
        comparison="COMPARISON_GT" if rule.above is not None else "COMPARISON_LT",
        threshold_value=rule.above if rule.above is not None else rule.below,
        duration=f"{rule.minutes * MINUTE}s",
        # Google refuses to judge missing data where a threshold needs no time at all.
        evaluation_missing_data=rule.missing if rule.minutes else None,
        aggregations=[
            gcp.monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
                alignment_period=f"{MINUTE}s",
                per_series_aligner=rule.align,
                cross_series_reducer=rule.reduce,
                group_by_fields=["resource.label.service_name"],
            )
        ],
        trigger=gcp.monitoring.AlertPolicyConditionConditionThresholdTriggerArgs(count=1),
    )
    return policy(
        ctx,
        rule.name,
        rule.description,
        [gcp.monitoring.AlertPolicyConditionArgs(display_name=rule.description, condition_threshold=condition)],
        channels,
        severity=rule.severity,
        parent=parent,
    )


def policy(
    ctx: Context,
    name: str,
    description: str,
    conditions: Sequence[gcp.monitoring.AlertPolicyConditionArgs],
    channels: Sequence[pulumi.Input[str]],
    *,
    severity: str,
    parent: pulumi.Resource,
) -> gcp.monitoring.AlertPolicy:
    """An alert policy in which all `conditions` must hold."""
    return gcp.monitoring.AlertPolicy(
        name,
        display_name=f"Agent Exchange ({ctx.stack}): {name}",
        combiner="AND",
        conditions=conditions,
        severity=severity,
        enabled=True,
        notification_channels=list(channels),
        alert_strategy=gcp.monitoring.AlertPolicyAlertStrategyArgs(auto_close=f"{_AUTO_CLOSE_SECONDS}s"),
        documentation=gcp.monitoring.AlertPolicyDocumentationArgs(
            mime_type="text/markdown", content=f"{description}. Stack `{ctx.stack}`, project `{ctx.project}`."
        ),
        user_labels=ctx.labels(),
        opts=ctx.child(parent),
    )


__all__ = ["RULES", "Rule", "alarm", "metric_filter", "policy"]
