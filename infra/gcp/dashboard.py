"""One dashboard: what clients see, then each service's traffic, errors, latency and saturation, then the database.

Owns the layout and the metrics shown. Rows are read from top to bottom as one looks for a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import pulumi
import pulumi_gcp as gcp

from infra.components.graph import deployment_order
from infra.components.naming import Kind
from infra.components.table import Catalog
from infra.gcp.alarms import metric_filter
from infra.gcp.context import Context
from infra.gcp.logs import ERRORS

Widget: TypeAlias = dict[str, object]

_COLUMNS, _HEIGHT = 48, 12
_FAILED: Final = 'metric.labels.response_code_class = "5xx"'


class Dashboard(pulumi.ComponentResource):
    """The dashboard of a stack."""

    url: pulumi.Output[str]

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        alarms: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`alarms` are names of alert policies, whose state is shown on top."""
        super().__init__("agent-exchange:gcp:Dashboard", "dashboard", None, opts)
        title = f"Agent Exchange ({ctx.stack})"
        rows: list[list[Widget]] = [
            [{"title": "Alarms", "alertChart": {"name": alarms[0]}}, _errors_in_logs(ctx)] if alarms else [],
            *(_service_row(ctx, service) for service in reversed(deployment_order(catalog))),
            _database_row(ctx),
        ]
        made = gcp.monitoring.Dashboard(
            "dashboard",
            dashboard_json=pulumi.Output.json_dumps(
                {"displayName": title, "mosaicLayout": {"columns": _COLUMNS, "tiles": _placed(rows)}}, sort_keys=True
            ),
            opts=ctx.child(self),
        )
        self.url = made.id.apply(
            lambda name: (
                f"https://console.cloud.google.com/monitoring/dashboards/builder/{name.rpartition('/')[2]}"
                f"?project={ctx.project}"
            )
        )
        self.register_outputs({})


def _placed(rows: Sequence[Sequence[Widget]]) -> list[Widget]:
    tiles: list[Widget] = []
    for number, row in enumerate(row for row in rows if row):
        width = _COLUMNS // len(row)
        for column, widget in enumerate(row):
            place = {"xPos": column * width, "yPos": number * _HEIGHT, "width": width, "height": _HEIGHT}
            tiles.append({**place, "widget": widget})
    return tiles


def _service_row(ctx: Context, service: str) -> list[Widget]:
    """Traffic with errors, latency, instances, saturation."""
    requests = metric_filter(ctx, "request_count", [service])
    failed = metric_filter(ctx, "request_count", [service], _FAILED)
    latency = metric_filter(ctx, "request_latencies", [service])
    instances = metric_filter(ctx, "container/instance_count", [service])
    cpu = metric_filter(ctx, "container/cpu/utilizations", [service])
    memory = metric_filter(ctx, "container/memory/utilizations", [service])
    return [
        _chart(
            f"{service}: requests per second",
            ("all", requests, "ALIGN_RATE", "REDUCE_SUM"),
            ("5xx", failed, "ALIGN_RATE", "REDUCE_SUM"),
        ),
        _chart(
            f"{service}: latency (ms)",
            ("p50", latency, "ALIGN_PERCENTILE_50", "REDUCE_MEAN"),
            ("p95", latency, "ALIGN_PERCENTILE_95", "REDUCE_MAX"),
            ("p99", latency, "ALIGN_PERCENTILE_99", "REDUCE_MAX"),
        ),
        _chart(f"{service}: instances", ("instances", instances, "ALIGN_MAX", "REDUCE_SUM")),
        _chart(
            f"{service}: CPU and memory",
            ("CPU p50", cpu, "ALIGN_PERCENTILE_50", "REDUCE_MAX"),
            ("memory p99", memory, "ALIGN_PERCENTILE_99", "REDUCE_MAX"),
        ),
    ]


def _database_row(ctx: Context) -> list[Widget]:
    def operations(kind: str) -> str:
        return (
            f'metric.type = "firestore.googleapis.com/document/{kind}_ops_count" AND '
            'resource.type = "firestore.googleapis.com/Database" AND '
            f'resource.labels.database_id = "{ctx.database}"'
        )

    return [
        _chart(f"Firestore: {kind}s per second", (kind, operations(kind), "ALIGN_RATE", "REDUCE_SUM"))
        for kind in ("read", "write", "delete")
    ]


def _errors_in_logs(ctx: Context) -> Widget:
    metric = f'metric.type = "logging.googleapis.com/user/{ctx.name(ERRORS, Kind.GOOGLE_KEY)}"'
    where = f'{metric} AND resource.type = "cloud_run_revision"'
    return _chart("Errors in the logs, per minute", ("errors", where, "ALIGN_DELTA", "REDUCE_SUM"))


def _chart(title: str, *lines: tuple[str, str, str, str]) -> Widget:
    return {
        "title": title,
        "xyChart": {
            "dataSets": [
                {
                    "plotType": "LINE",
                    "legendTemplate": label,
                    "timeSeriesQuery": {
                        "timeSeriesFilter": {
                            "filter": where,
                            "aggregation": {
                                "alignmentPeriod": "60s",
                                "perSeriesAligner": align,
                                "crossSeriesReducer": reduce,
                            },
                        }
                    },
                }
                for label, where, align, reduce in lines
            ]
        },
    }


__all__ = ["Dashboard"]
