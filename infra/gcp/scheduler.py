"""Starts background duties from outside, since instances sleep between requests: one Cloud Scheduler job per service.

The scheduler is a caller of the catalog: it has an account of its own, whose tokens Cloud Run checks, and reaches only
services with duties. Google counts its calls as internal as long as they go to `run.app`.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.catalog import DUTIES_ROUTE
from infra.components.model import Service
from infra.components.naming import Kind
from infra.gcp.context import SCHEDULER, Context
from infra.gcp.service import LONGEST_REQUEST_SECONDS, GcpService

EVERY_MINUTE: Final = "* * * * *"
"""The shortest that Cloud Scheduler has. What must not wait that long happens within requests."""


class Scheduler(pulumi.ComponentResource):
    """One job for each service with duties."""

    def __init__(
        self,
        ctx: Context,
        services: dict[Service, GcpService],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the jobs of those among `services` that have duties."""
        super().__init__("agent-exchange:gcp:Scheduler", "scheduler", None, opts)
        method, path = DUTIES_ROUTE.split(" ")
        for service, deployed in services.items():
            if not service.duties:
                continue
            gcp.cloudscheduler.Job(
                f"{service.name}-duties",
                name=ctx.name(f"{service.name}-duties", Kind.SCHEDULER_JOB),
                description="; ".join(duty.description for duty in service.duties)[:499],
                region=ctx.gcp.scheduler_region or ctx.region,
                schedule=EVERY_MINUTE,
                time_zone="Etc/UTC",
                attempt_deadline=f"{LONGEST_REQUEST_SECONDS}s",
                # A round that failed is made up for by the next one.
                retry_config=gcp.cloudscheduler.JobRetryConfigArgs(retry_count=0),
                http_target=gcp.cloudscheduler.JobHttpTargetArgs(
                    http_method=method,
                    uri=pulumi.Output.concat(deployed.url, path),
                    oidc_token=gcp.cloudscheduler.JobHttpTargetOidcTokenArgs(
                        service_account_email=ctx.email(SCHEDULER), audience=deployed.url
                    ),
                ),
                opts=ctx.child(self, after=[deployed]),
            )
        self.register_outputs({})


__all__ = ["EVERY_MINUTE", "Scheduler"]
