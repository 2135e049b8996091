"""Who read what: data-access logs of the services that hold data, secrets and permissions.

Google always logs changes; reads only where it is asked to.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.gcp.context import Context

AUDITED: Final = {
    "secretmanager": ("ADMIN_READ", "DATA_READ", "DATA_WRITE"),
    "cloudkms": ("ADMIN_READ", "DATA_READ", "DATA_WRITE"),
    "iam": ("ADMIN_READ", "DATA_READ", "DATA_WRITE"),
    "sts": ("ADMIN_READ", "DATA_READ", "DATA_WRITE"),
    "storage": ("ADMIN_READ", "DATA_READ", "DATA_WRITE"),
    # Every request of the exchange reads documents: reads of data would cost more than the database.
    "datastore": ("ADMIN_READ", "DATA_WRITE"),
}
"""API -> kinds of access that are logged. Firestore's permissions are those of `datastore`."""


class Audit(pulumi.ComponentResource):
    """One audit configuration for each service."""

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare them for the whole project."""
        super().__init__("agent-exchange:gcp:Audit", "audit", None, opts)
        for service, kinds in AUDITED.items():
            gcp.projects.IAMAuditConfig(
                service,
                project=ctx.project,
                service=f"{service}.googleapis.com",
                audit_log_configs=[gcp.projects.IAMAuditConfigAuditLogConfigArgs(log_type=kind) for kind in kinds],
                opts=ctx.child(self),
            )
        self.register_outputs({})


__all__ = ["AUDITED", "Audit"]
