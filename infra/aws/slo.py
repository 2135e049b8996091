"""The objective: 99.9 % of requests answered without a server error over thirty days, and alarms on how fast it burns.

Two windows have to agree, a long one that a blip does not reach and a short one that ends the alarm soon after the
trouble ends (Google's SRE workbook, chapter 5). With few requests a single error would look like a catastrophe: below a
minimum of traffic nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.alarms import Door
from infra.aws.context import Context
from infra.components.naming import Kind

OBJECTIVE: Final = 0.999
BUDGET: Final = 1 - OBJECTIVE
FEWEST_REQUESTS_PER_MINUTE: Final = 2
"""Times the window's minutes: 10 requests in five minutes, 720 in six hours."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A speed at which the error budget is spent, and the windows it is seen in (minutes)."""

    name: str
    speed: float
    long: int
    short: int
    meaning: str


BURNS: Final = (
    Burn("fast", 14.4, 60, 5, "2 % of the month's error budget in an hour: look now"),
    Burn("slow", 6.0, 360, 30, "5 % of the month's error budget in six hours: look today"),
)


class Objective(pulumi.ComponentResource):
    """Burn-rate alarms."""

    def __init__(
        self, ctx: Context, door: Door, topic: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Watch the requests that come through `door`."""
        super().__init__("agent-exchange:aws:Objective", "objective", None, opts)
        for burn in BURNS:
            windows = [self._window(ctx, door, burn, minutes) for minutes in (burn.long, burn.short)]
            aws.cloudwatch.CompositeAlarm(
                f"burn-{burn.name}",
                alarm_name=ctx.name(f"aex-burn-{burn.name}", Kind.ALARM),
                alarm_description=f"Agent Exchange: {burn.meaning} (stack {ctx.stack})",
                alarm_rule=pulumi.Output.all(*(window.name for window in windows)).apply(
                    lambda names: " AND ".join(f'ALARM("{name}")' for name in names)
                ),
                actions_enabled=True,
                alarm_actions=[topic],
                ok_actions=[topic],
                tags=ctx.tags(),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    def _window(self, ctx: Context, door: Door, burn: Burn, minutes: int) -> aws.cloudwatch.MetricAlarm:
        name = f"aex-burn-{burn.name}-{minutes}m"
        return aws.cloudwatch.MetricAlarm(
            name,
            name=ctx.name(name, Kind.ALARM),
            alarm_description=f"Error budget burns {burn.speed:g} times too fast over {minutes} min (one of two)",
            comparison_operator="GreaterThanThreshold",
            threshold=round(burn.speed * BUDGET, 6),
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            metric_queries=[
                aws.cloudwatch.MetricAlarmMetricQueryArgs(
                    id="ratio",
                    expression=ratio(minutes),
                    label="share of requests that failed",
                    return_data=True,
                ),
                _metric("requests", "RequestCount", door, minutes),
                _metric("ours", "HTTPCode_Target_5XX_Count", door, minutes),
                _metric("door", "HTTPCode_ELB_5XX_Count", door, minutes, whole_balancer=True),
            ],
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )


def ratio(minutes: int) -> str:
    """Share of failed requests in a window, 0 where traffic is too low to judge.

    What the load balancer answers by itself is in no target's count, so it is added on both sides.
    """
    failed, all_of_them = "(FILL(ours, 0) + FILL(door, 0))", "(FILL(requests, 0) + FILL(door, 0))"
    fewest = FEWEST_REQUESTS_PER_MINUTE * minutes
    return f"IF({all_of_them} >= {fewest}, {failed} / {all_of_them}, 0)"


def _metric(
    identifier: str, metric: str, door: Door, minutes: int, *, whole_balancer: bool = False
) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
    dimensions = {"LoadBalancer": door.balancer}
    if not whole_balancer:
        dimensions["TargetGroup"] = door.target_group
    return aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id=identifier,
        return_data=False,
        metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
            namespace="AWS/ApplicationELB",
            metric_name=metric,
            dimensions=dimensions,
            stat="Sum",
            period=minutes * 60,
        ),
    )


__all__ = ["BURNS", "OBJECTIVE", "Objective", "ratio"]
