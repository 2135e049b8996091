"""The APIs of the project, enabled in one place, on which everything else of the bootstrap stack waits.

Never turned off again: a project may have other users of an API, and turning one off deletes what it manages.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.gcp.context import Context

APIS: Final = {
    # The guide's list.
    "run": "services and jobs",
    "artifactregistry": "images",
    "firestore": "the database",
    "secretmanager": "secrets",
    "cloudresourcemanager": "permissions of the project",
    "iam": "service accounts, workload identity",
    "iamcredentials": "tokens of service accounts",
    "logging": "logs",
    "monitoring": "alerts, objectives, dashboards",
    "cloudtrace": "traces",
    # What is used beyond it.
    "serviceusage": "enabling the others",
    "telemetry": "traces, as services send them",
    "sts": "exchanging GitHub's tokens",
    "cloudkms": "keys of the state's secrets",
    "storage": "the state, exports",
    "compute": "network, load balancer, Cloud Armor",
    "dns": "private names, the domain's record",
    "vpcaccess": "connector",
    "cloudscheduler": "background duties",
    "cloudbilling": "billing of a new project",
    "billingbudgets": "budget",
}
"""Name, to which `.googleapis.com` is appended -> what it is used for."""

_TIMEOUT: Final = "20m"


class ProjectServices(pulumi.ComponentResource):
    """Every API that any stack of the project uses."""

    enabled: list[pulumi.Resource]

    def __init__(
        self, ctx: Context, project: pulumi.Input[str] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Enable them in `project` (default: the provider's)."""
        super().__init__("agent-exchange:gcp:ProjectServices", "apis", None, opts)
        # Without this one no other can be enabled.
        first = self._enable(ctx, "serviceusage", project, [])
        self.enabled = [first, *(self._enable(ctx, name, project, [first]) for name in APIS if name != "serviceusage")]
        # The agent that checks the gateway from outside comes into being only when it is asked for, and IAM refuses a
        # member that does not exist.
        gcp.projects.ServiceIdentity(
            "monitoring-agent",
            project=project,
            service="monitoring.googleapis.com",
            opts=ctx.child(self, after=self.enabled),
        )
        self.register_outputs({})

    def _enable(
        self, ctx: Context, name: str, project: pulumi.Input[str] | None, after: list[pulumi.Resource]
    ) -> gcp.projects.Service:
        return gcp.projects.Service(
            name,
            project=project,
            service=f"{name}.googleapis.com",
            disable_on_destroy=False,
            disable_dependent_services=False,
            opts=pulumi.ResourceOptions.merge(
                ctx.child(self, after=after),
                pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=_TIMEOUT)),
            ),
        )


__all__ = ["APIS", "ProjectServices"]
