"""The bucket of exports: where `python -m aex export /exports/...` puts a whole exchange's data, and imports look.

Owns the bucket and the permission to use it, which the operators' job alone gets. Neither services nor pipelines read
it. Data is gone after thirty days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.gcp.bucket import bucket
from infra.gcp.context import Context

FOLDER: Final = "/exports"
"""Where the operators' job has the bucket."""
_KEPT_DAYS: Final = 30


class Exports(pulumi.ComponentResource):
    """The bucket; `bucket` is its name."""

    bucket: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]
    """What whoever uses it needs."""

    def __init__(self, ctx: Context, member: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the bucket, whose objects `member` alone reads and writes."""
        super().__init__("agent-exchange:gcp:Exports", "exports", None, opts)
        made = bucket(
            ctx, "exports", name=ctx.name(f"{ctx.project}-aex-exports", Kind.BUCKET), parent=self, keep_days=_KEPT_DAYS
        )
        granted = gcp.storage.BucketIAMMember(
            "exports",
            bucket=made.name,
            role="roles/storage.objectUser",
            member=member,
            opts=ctx.child(self, deleted_with=made, replace_by_deleting=True),
        )
        self.bucket, self.ready = made.name, (granted,)
        self.register_outputs({"bucket": self.bucket})


__all__ = ["FOLDER", "Exports"]
