"""The objective: 99.9 % of requests answered without a server error over thirty days, and alarms on how fast it burns.

Two windows have to agree, a long one that a blip does not reach and a short one that ends the alarm soon after the
trouble ends (Google's SRE workbook, chapter 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.gcp.alarms import MINUTE, metric_filter, policy
from infra.gcp.context import Context

OBJECTIVE: Final = 0.999
PERIOD_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Burn:
    """A speed at which the error budget is spent, and the windows it is seen in (minutes)."""

    name: str
    speed: float
    long: int
    short: int
    meaning: str
    severity: str


BURNS: Final = (
    Burn("fast", 14.4, 60, 5, "2 % of the month's error budget in an hour: look now", "CRITICAL"),
    Burn("slow", 6.0, 360, 30, "5 % of the month's error budget in six hours: look today", "WARNING"),
)


class Objective(pulumi.ComponentResource):
    """Service level objective of the gateway, and its burn-rate alarms."""

    def __init__(
        self,
        ctx: Context,
        gateway: str,
        channels: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Watch the requests to the service that the catalog calls `gateway`."""
        super().__init__("agent-exchange:gcp:Objective", "objective", None, opts)
        watched = gcp.monitoring.CustomService(
            "exchange",
            service_id=ctx.name("agent-exchange", Kind.GOOGLE_NETWORK),
            display_name=f"Agent Exchange ({ctx.stack})",
            user_labels=ctx.labels(),
            opts=ctx.child(self),
        )
        objective = gcp.monitoring.Slo(
            "availability",
            service=watched.service_id,
            slo_id=ctx.name("availability", Kind.GOOGLE_NETWORK),
            display_name=f"{OBJECTIVE:.1%} of requests without a server error",
            goal=OBJECTIVE,
            rolling_period_days=PERIOD_DAYS,
            request_based_sli=gcp.monitoring.SloRequestBasedSliArgs(
                good_total_ratio=gcp.monitoring.SloRequestBasedSliGoodTotalRatioArgs(
                    total_service_filter=_requests(ctx, gateway),
                    bad_service_filter=_requests(ctx, gateway, 'metric.labels.response_code_class = "5xx"'),
                )
            ),
            user_labels=ctx.labels(),
            opts=ctx.child(self),
        )
        for burn in BURNS:
            policy(
                ctx,
                f"burn-{burn.name}",
                burn.meaning,
                [_window(objective, burn, minutes) for minutes in (burn.long, burn.short)],
                channels,
                severity=burn.severity,
                parent=self,
            )
        self.register_outputs({})


def _requests(ctx: Context, gateway: str, only: str = "") -> str:
    return metric_filter(ctx, "request_count", [gateway], only)


def _window(objective: gcp.monitoring.Slo, burn: Burn, minutes: int) -> gcp.monitoring.AlertPolicyConditionArgs:
    return gcp.monitoring.AlertPolicyConditionArgs(
        display_name=f"Error budget burns {burn.speed:g} times too fast over {minutes} min",
        condition_threshold=gcp.monitoring.AlertPolicyConditionConditionThresholdArgs(
            filter=pulumi.Output.concat('select_slo_burn_rate("', objective.name, f'", "{minutes * MINUTE}s")'),
            comparison="COMPARISON_GT",
            threshold_value=burn.speed,
            duration="0s",
            trigger=gcp.monitoring.AlertPolicyConditionConditionThresholdTriggerArgs(count=1),
        ),
    )


__all__ = ["BURNS", "OBJECTIVE", "Objective"]
