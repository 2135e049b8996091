"""What keeps the pipelines apart: nobody's but its own reaches production, and none reaches bootstrap.

Pure statements, all of them denials; the roles that they belong to are in `github.py`.
"""

from __future__ import annotations

from typing import Final

import pulumi

from infra.aws.context import Context
from infra.aws.exports import EXPORTS
from infra.aws.iam import Statement
from infra.aws.identity import OPERATIONS
from infra.aws.state import state_objects
from infra.components.catalog import CATALOG

_DIRECTIONS: Final = (
    "central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west",
)  # fmt: skip
"""The middle of names of regions."""


def not_production(bucket: pulumi.Input[str]) -> list[Statement]:
    """What keeps an identity away from production: its state, and everything that carries its tag."""
    return [
        Statement(
            sid="NeverProductionsState",
            effect="Deny",
            actions=["s3:*"],
            resources=state_objects(bucket, "production"),
        ),
        Statement(
            sid="NeverProduction",
            effect="Deny",
            actions=["*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:ResourceTag/environment": "production"}},
        ),
    ]


def not_productions_names(ctx: Context) -> list[Statement]:
    """What keeps a deployment away from production where AWS does not look at tags: production's names are bare."""
    roles = ["aex-execution", "aex-flow-logs", *(f"{service}-task" for service in (*CATALOG.names, OPERATIONS))]
    # With a hyphen and a number every region ends, and nothing that a stack's name is appended to.
    regions = (f"??-{where}-?" for where in (*_DIRECTIONS, "gov-east", "gov-west"))
    buckets = [
        f"arn:{ctx.partition}:s3:::{name}-{ctx.account}-{region}"
        for region in regions
        for name in ("aex-access-logs", EXPORTS)
    ]
    return [
        Statement(
            sid="NeverProductionsRoles",
            effect="Deny",
            actions=["iam:*"],
            resources=[f"arn:{ctx.partition}:iam::{ctx.account}:role/{name}" for name in roles],
        ),
        Statement(
            sid="NeverProductionsBuckets",
            effect="Deny",
            actions=["s3:*"],
            resources=[*buckets, *(f"{bucket}/*" for bucket in buckets)],
        ),
    ]


def not_bootstrap(bucket: pulumi.Input[str]) -> list[Statement]:
    """What keeps every pipeline from the account's own part: people deploy it, and its state holds all identities."""
    return [
        Statement(
            sid="NeverBootstrapsState",
            effect="Deny",
            actions=["s3:*"],
            resources=state_objects(bucket, "bootstrap"),
        )
    ]


__all__ = ["not_bootstrap", "not_production", "not_productions_names"]
