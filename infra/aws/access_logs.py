"""The bucket that load balancer access logs go to: private, encrypted, TLS only, emptied by age.

Encrypted with S3's own keys, since the load balancer cannot write with a customer's.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.bucket import expiring, private_bucket, tls_only
from infra.aws.context import Context
from infra.aws.iam import Statement, document
from infra.components.naming import Kind

PREFIX: Final = "alb"
_DAYS: Final = 90


class AccessLogs(pulumi.ComponentResource):
    """The bucket; `bucket` is its name, known once the load balancer may write."""

    bucket: pulumi.Output[str]

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the bucket and who may write."""
        super().__init__("agent-exchange:aws:AccessLogs", "access-logs", None, opts)
        bucket = private_bucket(
            "access-logs",
            # Bucket names are shared by all customers of AWS.
            name=ctx.name(f"aex-access-logs-{ctx.account}-{ctx.region}", Kind.BUCKET),
            key=None,
            protect=ctx.protect,
            tags=ctx.tags(),
            parent=self,
        )
        expiring("access-logs", bucket, days=_DAYS, abandoned_days=7, parent=self)
        policy = aws.s3.BucketPolicy(
            "access-logs",
            bucket=bucket.bucket,
            policy=document(
                [
                    Statement(
                        sid="LoadBalancersOfThisAccount",
                        actions=["s3:PutObject"],
                        resources=[pulumi.Output.concat(bucket.arn, f"/{PREFIX}/AWSLogs/{ctx.account}/*")],
                        principals={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                        conditions={"ArnLike": {"aws:SourceArn": ctx.arn("elasticloadbalancing", "loadbalancer/*")}},
                    ),
                    tls_only(bucket.arn),
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.bucket = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda found: str(found[0]))
        self.register_outputs({"bucket": self.bucket})


__all__ = ["PREFIX", "AccessLogs"]
