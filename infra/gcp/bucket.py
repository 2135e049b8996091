"""A private bucket, in the one form that all components use."""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.gcp.context import Context

_DAY_SECONDS: Final = 86400


def bucket(
    ctx: Context,
    base: str,
    *,
    name: str,
    parent: pulumi.Resource,
    keep_days: int | None = None,
) -> gcp.storage.Bucket:
    """Closed to the public, versioned. `keep_days` is how long objects live.

    Bucket names are shared by all of Google's customers: `name` carries the project's id, which is too.
    """
    rule = gcp.storage.BucketLifecycleRuleArgs
    action = gcp.storage.BucketLifecycleRuleActionArgs
    condition = gcp.storage.BucketLifecycleRuleConditionArgs
    rules = [rule(action=action(type="Delete"), condition=condition(num_newer_versions=50, with_state="ARCHIVED"))]
    if keep_days is not None:
        rules.append(rule(action=action(type="Delete"), condition=condition(age=keep_days, with_state="ANY")))
    return gcp.storage.Bucket(
        base,
        name=name,
        location=ctx.region.upper(),
        storage_class="STANDARD",
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        versioning=gcp.storage.BucketVersioningArgs(enabled=True),
        # What was deleted can be brought back for a week, and is billed; without protection nothing stays behind.
        soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(
            retention_duration_seconds=7 * _DAY_SECONDS if ctx.protect else 0
        ),
        lifecycle_rules=rules,
        force_destroy=not ctx.protect,
        labels=ctx.labels(),
        opts=ctx.stateful(parent),
    )


__all__ = ["bucket"]
