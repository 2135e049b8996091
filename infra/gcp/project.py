"""The project itself, where the bootstrap stack is asked to create it instead of using one that exists."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra.config.gcp import GcpProject
from infra.gcp.context import Context


class Project(pulumi.ComponentResource):
    """A project with billing, without a default network."""

    project: gcp.organizations.Project

    def __init__(self, ctx: Context, wanted: GcpProject, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create `gcp:project` in the folder or organization that the config names."""
        super().__init__("agent-exchange:gcp:Project", "project", None, opts)
        self.project = gcp.organizations.Project(
            "project",
            project_id=ctx.project,
            name="Agent Exchange",
            billing_account=wanted.billing_account,
            folder_id=wanted.folder,
            org_id=wanted.organization,
            auto_create_network=False,
            # Deleting a project deletes everything in it; nobody means that by destroying a stack.
            deletion_policy="PREVENT" if ctx.protect else "DELETE",
            labels=ctx.labels(),
            opts=ctx.stateful(self),
        )
        self.register_outputs({})


__all__ = ["Project"]
