"""What a stack may cost in a month before somebody hears about it.

Counts the whole project: much of what costs money carries no label (traffic, the database's operations, logs), which a
filter by label would leave out. One project for each environment is the recommended shape; stacks that share a project
count each other.

Needs a permission on the billing account (`roles/billing.costsManager`), which a project cannot give; that is why it is
there only when the config asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.config.gcp import GcpBudget
from infra.gcp.context import Context

_SPENT, _FORESEEN = 0.8, 1.0
_MOST_CHANNELS: Final = 5
"""What Google lets a budget tell at most."""


class Budget(pulumi.ComponentResource):
    """The budget, and alerts at 80 % spent and at 100 % foreseen."""

    def __init__(
        self,
        ctx: Context,
        wanted: GcpBudget,
        number: pulumi.Input[str],
        channels: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it for everything in the project with this `number`."""
        super().__init__("agent-exchange:gcp:Budget", "budget", None, opts)
        threshold = gcp.billing.BudgetThresholdRuleArgs
        gcp.billing.Budget(
            "monthly",
            billing_account=wanted.billing_account,
            display_name=f"Agent Exchange ({ctx.stack})"[:60],
            amount=gcp.billing.BudgetAmountArgs(
                specified_amount=gcp.billing.BudgetAmountSpecifiedAmountArgs(units=str(wanted.monthly))
            ),
            budget_filter=gcp.billing.BudgetBudgetFilterArgs(
                projects=[pulumi.Output.concat("projects/", number)],
                calendar_period="MONTH",
            ),
            threshold_rules=[
                threshold(threshold_percent=_SPENT, spend_basis="CURRENT_SPEND"),
                threshold(threshold_percent=_FORESEEN, spend_basis="FORECASTED_SPEND"),
            ],
            all_updates_rule=gcp.billing.BudgetAllUpdatesRuleArgs(
                monitoring_notification_channels=list(channels)[:_MOST_CHANNELS],
                disable_default_iam_recipients=False,
            )
            if channels
            else None,
            opts=ctx.child(self),
        )
        self.register_outputs({})


__all__ = ["Budget"]
