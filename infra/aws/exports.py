"""The bucket of exports: where `python -m aex export s3://...` puts a whole exchange's data, and imports take it from.

Owns the bucket and the permission to use it, which the operations task alone gets. Neither services nor pipelines read
it. Data is gone after thirty days; what was written over is kept as long.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.bucket import expiring, private_bucket, tls_only
from infra.aws.context import Context
from infra.aws.iam import Statement, document
from infra.aws.identity import through
from infra.components.naming import Kind

EXPORTS: Final = "aex-exports"
_KEPT_DAYS: Final = 30
_OBJECT_ACTIONS: Final = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")


class Exports(pulumi.ComponentResource):
    """The bucket; `bucket` is its name, known once nobody can reach it without TLS."""

    bucket: pulumi.Output[str]

    def __init__(self, ctx: Context, key: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the bucket, encrypted with `key`. With `protect`, what holds data cannot be destroyed."""
        super().__init__("agent-exchange:aws:Exports", "exports", None, opts)
        bucket = private_bucket(
            "exports",
            name=bucket_name(ctx),
            key=key,
            protect=ctx.protect,
            tags=ctx.tags(),
            parent=self,
        )
        child = pulumi.ResourceOptions(parent=self)
        versioning = aws.s3.BucketVersioning(
            "exports",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        expiring("exports", bucket, days=_KEPT_DAYS, abandoned_days=1, versioning=versioning, parent=self)
        policy = aws.s3.BucketPolicy(
            "exports", bucket=bucket.bucket, policy=document([tls_only(bucket.arn)]), opts=child
        )
        self.bucket = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda found: str(found[0]))
        self.register_outputs({"bucket": self.bucket})


def bucket_name(ctx: Context) -> str:
    """The stack's own; names of buckets are shared by all customers of AWS."""
    return ctx.name(f"{EXPORTS}-{ctx.account}-{ctx.region}", Kind.BUCKET)


def exports_statements(ctx: Context, key: pulumi.Input[str]) -> list[Statement]:
    """What writing this stack's exports and reading them takes; for the operations task."""
    bucket = f"arn:{ctx.partition}:s3:::{bucket_name(ctx)}"
    return [
        # Without it a name that does not exist looks like a missing permission.
        Statement(sid="FindExports", actions=["s3:ListBucket"], resources=[bucket]),
        Statement(sid="Exports", actions=_OBJECT_ACTIONS, resources=[f"{bucket}/*"]),
        Statement(
            sid="EncryptExports",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[key],
            conditions=through(ctx, "s3"),
        ),
    ]


def exports_way(ctx: Context) -> Statement:
    """The same as a network's policy: exports of stacks in this account, whichever of them lives in the network."""
    buckets = f"arn:{ctx.partition}:s3:::{EXPORTS}-{ctx.account}-{ctx.region}*"
    return Statement(
        sid="ExportsOfThisAccount",
        actions=["s3:ListBucket", *_OBJECT_ACTIONS],
        resources=[buckets, f"{buckets}/*"],
        principals={"AWS": "*"},
        # Neither somebody else's bucket of such a name, nor somebody else's credentials.
        conditions={"StringEquals": {"aws:PrincipalAccount": ctx.account, "aws:ResourceAccount": ctx.account}},
    )


__all__ = ["EXPORTS", "Exports", "bucket_name", "exports_statements", "exports_way"]
