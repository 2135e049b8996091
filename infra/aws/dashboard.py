"""One dashboard: what clients see, then each service's traffic, errors, latency and saturation, then the database.

Owns the layout and the metrics shown. Rows are read from top to bottom as one looks for a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import pulumi
import pulumi_aws as aws

from infra.aws.alarms import Door
from infra.aws.cluster import cluster_name
from infra.aws.context import Context
from infra.components.graph import deployment_order
from infra.components.naming import Kind
from infra.components.table import Catalog

Widget: TypeAlias = dict[str, object]
Metric: TypeAlias = "list[object]"

MOST_ALARMS: Final = 100
"""CloudWatch's limit for one alarm widget."""
_WIDTH, _HEIGHT = 24, 6
_BALANCER: Final = "AWS/ApplicationELB"


class Dashboard(pulumi.ComponentResource):
    """The dashboard of a stack."""

    name: str

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        door: Door,
        database: pulumi.Input[str] | None,
        alarms: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`database` is the identifier of the DocumentDB cluster, `alarms` are ARNs whose state is shown on top."""
        super().__init__("agent-exchange:aws:Dashboard", "dashboard", None, opts)
        if len(alarms) > MOST_ALARMS:
            raise ValueError(f"{len(alarms)} alarms do not fit into one widget: show at most {MOST_ALARMS}")
        self.name = ctx.name("agent-exchange", Kind.DASHBOARD)
        rows = [
            [_alarm_widget(alarms)],
            _door_row(ctx, door),
            *(
                _service_row(ctx, service)
                for service in reversed(deployment_order(catalog))
                if not catalog.service(service).public
            ),
            *([_database_row(ctx, database)] if database is not None else []),
            _scaling_row(ctx, catalog),
        ]
        aws.cloudwatch.Dashboard(
            "dashboard",
            dashboard_name=self.name,
            dashboard_body=pulumi.Output.json_dumps({"widgets": _placed(rows)}, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def _placed(rows: Sequence[Sequence[Widget]]) -> list[Widget]:
    placed: list[Widget] = []
    for number, row in enumerate(rows):
        width = _WIDTH // len(row)
        for column, widget in enumerate(row):
            place = {"x": column * width, "y": number * _HEIGHT, "width": width, "height": _HEIGHT}
            placed.append({**widget, **place})
    return placed


def _alarm_widget(alarms: Sequence[pulumi.Input[str]]) -> Widget:
    return {"type": "alarm", "properties": {"title": "Alarms", "alarms": list(alarms)}}


def _chart(ctx: Context, title: str, metrics: list[Metric], stat: str, *, period: int = 60) -> Widget:
    properties: dict[str, object] = {
        "title": title,
        "region": ctx.region,
        "metrics": metrics,
        "stat": stat,
        "period": period,
        "view": "timeSeries",
        "yAxis": {"left": {"min": 0}},
    }
    return {"type": "metric", "properties": properties}


def _door_row(ctx: Context, door: Door) -> list[Widget]:
    whole: Metric = ["LoadBalancer", door.balancer]
    target: Metric = ["TargetGroup", door.target_group, *whole]
    return [
        _chart(ctx, "Clients: requests", [[_BALANCER, "RequestCount", *target]], "Sum"),
        _chart(
            ctx,
            "Clients: errors",
            [
                [_BALANCER, "HTTPCode_Target_5XX_Count", *target],
                [_BALANCER, "HTTPCode_Target_4XX_Count", *target],
                [_BALANCER, "HTTPCode_ELB_5XX_Count", *whole],
            ],
            "Sum",
        ),
        _chart(
            ctx,
            "Clients: latency (s)",
            [[_BALANCER, "TargetResponseTime", *target, {"stat": stat}] for stat in ("p50", "p95", "p99")],
            "p95",
        ),
        _chart(ctx, "aex-gateway: saturation (%)", _saturation(ctx, "aex-gateway"), "Average"),
    ]


def _service_row(ctx: Context, service: str) -> list[Widget]:
    found: Metric = ["TargetDiscoveryName", ctx.name(service, Kind.DISCOVERY)]
    return [
        _chart(ctx, f"{service}: requests", [["AWS/ECS", "RequestCountPerTarget", *found]], "Sum"),
        _chart(
            ctx,
            f"{service}: errors",
            [["AWS/ECS", f"HTTPCode_Target_{kind}_Count", *found] for kind in ("5XX", "4XX")],
            "Sum",
        ),
        _chart(
            ctx,
            f"{service}: latency (ms)",
            [["AWS/ECS", "TargetResponseTime", *found, {"stat": stat}] for stat in ("p50", "p95", "p99")],
            "p95",
        ),
        _chart(ctx, f"{service}: saturation (%)", _saturation(ctx, service), "Average"),
    ]


def _saturation(ctx: Context, service: str) -> list[Metric]:
    of: Metric = ["ServiceName", ctx.name(service, Kind.ECS), "ClusterName", cluster_name(ctx)]
    return [["AWS/ECS", "CPUUtilization", *of], ["AWS/ECS", "MemoryUtilization", *of]]


def _database_row(ctx: Context, cluster: pulumi.Input[str]) -> list[Widget]:
    def chart(title: str, metrics: Sequence[str], stat: str) -> Widget:
        named: list[Metric] = [["AWS/DocDB", metric, "DBClusterIdentifier", cluster] for metric in metrics]
        return _chart(ctx, f"Database: {title}", named, stat)

    return [
        chart("operations", ("OpcountersQuery", "OpcountersInsert", "OpcountersUpdate"), "Average"),
        chart("connections", ("DatabaseConnections",), "Maximum"),
        chart("latency (ms)", ("ReadLatency", "WriteLatency"), "Average"),
        chart("CPU (%)", ("CPUUtilization",), "Maximum"),
    ]


def _scaling_row(ctx: Context, catalog: Catalog) -> list[Widget]:
    names = [ctx.name(service, Kind.ECS) for service in catalog.names]
    of: list[Metric] = [["ServiceName", name, "ClusterName", cluster_name(ctx)] for name in names]
    return [
        _chart(ctx, "Tasks running", [["ECS/ContainerInsights", "RunningTaskCount", *each] for each in of], "Minimum"),
        _chart(ctx, "Tasks wanted", [["ECS/ContainerInsights", "DesiredTaskCount", *each] for each in of], "Maximum"),
    ]


__all__ = ["Dashboard"]
