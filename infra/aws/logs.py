"""Log groups: each is declared before whoever writes to it, so that AWS never creates one that a teardown forgets.

Owns retention, encryption and the names. Does not own who writes.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.components.naming import Kind


def log_group(
    ctx: Context,
    name: str,
    *,
    path: str,
    key: pulumi.Input[str],
    parent: pulumi.Resource,
    service: str | None = None,
) -> aws.cloudwatch.LogGroup:
    """A log group with the stack's retention. `path` is its whole name."""
    return aws.cloudwatch.LogGroup(
        name,
        name=path,
        retention_in_days=ctx.aws.log_retention_days,
        kms_key_id=key,
        skip_destroy=False,
        tags=ctx.tags(service=service),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def service_log_group_name(ctx: Context, service: str) -> str:
    """`/ecs/agent-exchange/<service>`, as the guide has it."""
    return ctx.name(f"/ecs/agent-exchange/{service}", Kind.LOG_GROUP)


__all__ = ["log_group", "service_log_group_name"]
