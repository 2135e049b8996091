"""What watches a stack: alarms, the check from outside, the objective, the dashboard.

Thresholds are in `alarms.py`. The check from outside is a caller of the catalog and comes through the same door as
clients do.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.catalog import HEALTH_PATH
from infra.components.table import Catalog
from infra.config.gcp import Access
from infra.gcp.alarms import RULES, alarm, policy
from infra.gcp.context import Context
from infra.gcp.dashboard import Dashboard
from infra.gcp.ingress import Ingress
from infra.gcp.logs import Logs
from infra.gcp.notifications import Notifications
from infra.gcp.scaling import instances_of
from infra.gcp.slo import Objective

_CHECK_SECONDS: Final = 60
_LOOK_BACK_SECONDS: Final = 1200
"""How far back a check's last result is looked for; Google's own form of this alarm."""


class Monitoring(pulumi.ComponentResource):
    """Alarms, uptime check, objective, dashboard."""

    dashboard: pulumi.Output[str]
    """Where it is, as an address."""

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        ingress: Ingress,
        notifications: Notifications,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Watch the services of `catalog`, and the gateway through `ingress`."""
        super().__init__("agent-exchange:gcp:Monitoring", "monitoring", None, opts)
        self._ctx, self._channels = ctx, notifications.channels
        child = pulumi.ResourceOptions(parent=self)
        Logs(ctx, catalog, child)
        always_there = [each.name for each in catalog.services if instances_of(ctx, each).minimum > 0]
        policies = [
            alarm(ctx, rule, services, self._channels, parent=self)
            for rule in RULES
            if (services := always_there if rule.needs_floor else list(catalog.names))
        ]
        public = next(service.name for service in catalog.services if service.public)
        reachable = self._reachable(ingress)
        Objective(ctx, public, self._channels, child)
        self.dashboard = Dashboard(ctx, catalog, [reachable.name, *(each.name for each in policies)], child).url
        self.register_outputs({})

    def _reachable(self, ingress: Ingress) -> gcp.monitoring.AlertPolicy:
        ctx = self._ctx
        check = gcp.monitoring.UptimeCheckConfig(
            "gateway",
            display_name=f"Agent Exchange ({ctx.stack}): gateway",
            timeout="10s",
            period=f"{_CHECK_SECONDS}s",
            checker_type="STATIC_IP_CHECKERS",
            http_check=gcp.monitoring.UptimeCheckConfigHttpCheckArgs(
                path=HEALTH_PATH,
                port=443,
                use_ssl=True,
                validate_ssl=True,
                request_method="GET",
                accepted_response_status_codes=[
                    gcp.monitoring.UptimeCheckConfigHttpCheckAcceptedResponseStatusCodeArgs(
                        status_class="STATUS_CLASS_2XX"
                    )
                ],
                # Where Cloud Run asks who is calling, the check says so; elsewhere it needs no more than anybody.
                service_agent_authentication=gcp.monitoring.UptimeCheckConfigHttpCheckServiceAgentAuthenticationArgs(
                    type="OIDC_TOKEN"
                )
                if ctx.settings.gcp_access is Access.IAM
                else None,
            ),
            monitored_resource=gcp.monitoring.UptimeCheckConfigMonitoredResourceArgs(
                type="uptime_url", labels={"project_id": ctx.project, "host": ingress.host}
            ),
            user_labels=ctx.labels(),
            opts=ctx.child(self, after=[ingress]),
        )
        condition = gcp.monitoring.AlertPolicyConditionConditionThresholdArgs(
            filter=pulumi.Output.concat(
                'metric.type = "monitoring.googleapis.com/uptime_check/check_passed" AND '
                'resource.type = "uptime_url" AND metric.labels.check_id = "',
                check.uptime_check_id,
                '"',
            ),
            comparison="COMPARISON_GT",
            threshold_value=1,
            duration=f"{_CHECK_SECONDS}s",
            aggregations=[
                gcp.monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
                    alignment_period=f"{_LOOK_BACK_SECONDS}s",
                    per_series_aligner="ALIGN_NEXT_OLDER",
                    cross_series_reducer="REDUCE_COUNT_FALSE",
                    group_by_fields=["resource.label.host"],
                )
            ],
            trigger=gcp.monitoring.AlertPolicyConditionConditionThresholdTriggerArgs(count=1),
        )
        return policy(
            ctx,
            "reachable",
            "The gateway does not answer from at least two places of the world",
            [gcp.monitoring.AlertPolicyConditionArgs(display_name="Checks fail", condition_threshold=condition)],
            self._channels,
            severity="CRITICAL",
            parent=self,
        )


__all__ = ["Monitoring"]
