"""A monthly budget for what the stack costs, by its tag. Optional.

AWS filters by a tag only once it is activated as a cost allocation tag (Billing, "Cost allocation tags": `stack`).
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.components.naming import Kind
from infra.config.aws import AwsBudget

_ACTUAL_PERCENT: Final = 80
_FORECAST_PERCENT: Final = 100


class Budget(pulumi.ComponentResource):
    """The budget, and alerts at 80 % spent and at 100 % foreseen."""

    def __init__(
        self,
        ctx: Context,
        wanted: AwsBudget,
        topic: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it; alerts go to the addresses of the config and to `topic`."""
        super().__init__("agent-exchange:aws:Budget", "budget", None, opts)
        aws.budgets.Budget(
            "monthly",
            name=ctx.name("agent-exchange", Kind.BUDGET),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{wanted.monthly_usd}.0",
            limit_unit="USD",
            cost_filters=[aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:stack${ctx.stack}"])],
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=sorted(wanted.emails),
                    subscriber_sns_topic_arns=[topic],
                )
                for kind, percent in (("ACTUAL", _ACTUAL_PERCENT), ("FORECASTED", _FORECAST_PERCENT))
            ],
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


__all__ = ["Budget"]
