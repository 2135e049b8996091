"""What is counted in the logs: errors that services report, by service.

Logs themselves need nothing: Cloud Run writes them to the project's default bucket, and they go with it.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.components.table import Catalog
from infra.gcp.context import Context

ERRORS: Final = "aex-errors"


class Logs(pulumi.ComponentResource):
    """A metric made of log lines."""

    def __init__(self, ctx: Context, catalog: Catalog, opts: pulumi.ResourceOptions | None = None) -> None:
        """Count the errors in the logs of every service."""
        super().__init__("agent-exchange:gcp:Logs", "logs", None, opts)
        gcp.logging.Metric(
            "errors",
            name=ctx.name(ERRORS, Kind.GOOGLE_KEY),
            description="Log lines of severity ERROR and above",
            filter=f"{log_filter(ctx, catalog)} AND severity >= ERROR",
            label_extractors={"service": "EXTRACT(resource.labels.service_name)"},
            metric_descriptor=gcp.logging.MetricMetricDescriptorArgs(
                metric_kind="DELTA",
                value_type="INT64",
                unit="1",
                labels=[gcp.logging.MetricMetricDescriptorLabelArgs(key="service", value_type="STRING")],
            ),
            opts=ctx.child(self),
        )
        self.register_outputs({})


def log_filter(ctx: Context, catalog: Catalog) -> str:
    """Logging's filter for all lines of this stack's services: what `gcloud logging read` takes."""
    names = " OR ".join(f'"{ctx.name(name, Kind.CLOUD_RUN)}"' for name in sorted(catalog.names))
    return f'resource.type="cloud_run_revision" AND resource.labels.service_name=({names})'


__all__ = ["ERRORS", "Logs", "log_filter"]
