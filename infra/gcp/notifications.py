"""Where alerts and budgets say what is wrong: one channel for each address of the config."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from infra.gcp.context import Context


class Notifications(pulumi.ComponentResource):
    """E-mail channels."""

    channels: Sequence[pulumi.Output[str]]
    """Full names, as policies take them."""

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the channels."""
        super().__init__("agent-exchange:gcp:Notifications", "notifications", None, opts)
        self.channels = [
            gcp.monitoring.NotificationChannel(
                address,
                display_name=f"Agent Exchange ({ctx.stack}): {address}",
                type="email",
                labels={"email_address": address},
                user_labels=ctx.labels(),
                # Policies that an operator made by hand must not keep the stack from being destroyed.
                force_delete=not ctx.protect,
                opts=ctx.child(self),
            ).name
            for address in sorted(set(ctx.gcp.alarms.emails))
        ]
        self.register_outputs({})


__all__ = ["Notifications"]
