"""What watches a stack: the alarms that no deployment is rolled back for, the objective, the dashboard, saved queries.

The two alarms per service that a deployment is rolled back for are with the service (`service.py`), since they have to
exist before it. Thresholds are in `alarms.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.alarms import (
    BALANCER_RULES,
    NAT_RULES,
    RUNNING,
    SATURATION,
    TARGET_RULE,
    Door,
    Rule,
    alarm,
    database_rules,
)
from infra.aws.cluster import cluster_name
from infra.aws.context import Context
from infra.aws.dashboard import Dashboard
from infra.aws.scaling import tasks_of
from infra.aws.service import AwsService
from infra.aws.slo import Objective
from infra.components.naming import Kind
from infra.components.table import Catalog

QUERIES: Final = {
    "errors": 'fields @timestamp, service, event, error, request_id | filter level = "error" | sort @timestamp desc '
    "| limit 200",
    "slow-requests": "fields @timestamp, service, method, path, status, duration_ms, request_id "
    "| filter duration_ms > 1000 | sort duration_ms desc | limit 200",
    "one-request": 'fields @timestamp, service, event, status, duration_ms | filter request_id = "put the id here" '
    "| sort @timestamp asc",
    "refused-callers": "fields @timestamp, service, path, status, request_id | filter status in [401, 403] "
    "| stats count(*) as refused by service, path, bin(5m)",
    "traffic": "filter ispresent(status) | stats count(*) as requests, pct(duration_ms, 95) as p95 by service, bin(1m)",
}
"""Logs Insights queries over the log groups of all services; names of fields are those of the access log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What there is to watch."""

    services: dict[str, AwsService]
    door: Door
    database: pulumi.Input[str] | None
    """Identifier of the stack's own DocumentDB cluster."""
    nat_gateways: Sequence[aws.ec2.NatGateway]

    def __post_init__(self) -> None:
        """Refuse to watch nothing."""
        if not self.services:
            raise ValueError("there is nothing to watch: deploy the services first, and give them all")


class Monitoring(pulumi.ComponentResource):
    """Alarms, objective, dashboard, queries."""

    dashboard: str

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        watched: Watched,
        topic: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare everything; alarms tell `topic`."""
        super().__init__("agent-exchange:aws:Monitoring", "monitoring", None, opts)
        self._ctx, self._topic = ctx, topic
        made = [each for service in watched.services.values() for each in service.rollback_alarms]
        for name, deployed in watched.services.items():
            of = {"ClusterName": cluster_name(ctx), "ServiceName": deployed.service.name}
            # Where no task has to run, "no task runs" is no alarm; before the service exists, everybody would be told.
            idle = tasks_of(ctx, catalog.service(name)).minimum == 0
            rules = [rule for rule in SATURATION if not (idle and rule is RUNNING)]
            made += self._alarms(name, rules, of, after=deployed.service, service=name)
        balancer = {"LoadBalancer": watched.door.balancer}
        target = {**balancer, "TargetGroup": watched.door.target_group}
        made += self._alarms("aex-alb", BALANCER_RULES, balancer)
        made += self._alarms("aex-alb", (TARGET_RULE,), target)
        for number, gateway in enumerate(watched.nat_gateways, start=1):
            made += self._alarms(f"aex-nat-{number}", NAT_RULES, {"NatGatewayId": gateway.id})
        if watched.database is not None:
            rules = database_rules(ctx.aws.database.instances)
            made += self._alarms("aex-docdb", rules, {"DBClusterIdentifier": watched.database})
        child = pulumi.ResourceOptions(parent=self)
        Objective(ctx, watched.door, topic, child)
        self.dashboard = Dashboard(
            ctx, catalog, watched.door, watched.database, [each.arn for each in made], child
        ).name
        for name, query in QUERIES.items():
            aws.cloudwatch.QueryDefinition(
                name,
                name=f"{ctx.name('agent-exchange', Kind.DASHBOARD)}/{name}",
                query_string=query,
                log_group_names=[service.log_group.name for service in watched.services.values()],
                opts=child,
            )
        self.register_outputs({"dashboard": self.dashboard})

    def _alarms(
        self,
        subject: str,
        rules: Sequence[Rule],
        dimensions: Mapping[str, pulumi.Input[str]],
        *,
        after: pulumi.Resource | None = None,
        service: str | None = None,
    ) -> list[aws.cloudwatch.MetricAlarm]:
        opts = pulumi.ResourceOptions(parent=self, depends_on=[after] if after is not None else None)
        return [
            alarm(self._ctx, subject, rule, dimensions, topic=self._topic, opts=opts, service=service) for rule in rules
        ]


__all__ = ["QUERIES", "Monitoring", "Watched"]
