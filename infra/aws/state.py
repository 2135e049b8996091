"""Where the state of all stacks is kept: a versioned, encrypted bucket.

The secrets inside have a key per environment, so that who may decrypt staging's cannot decrypt production's. Owns the
layout of the bucket as Pulumi's self-managed backend has it.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.bucket import private_bucket, tls_only
from infra.aws.context import Context
from infra.aws.iam import Statement, document
from infra.components.naming import PRODUCTION_STACK, Kind, physical_name
from infra.components.tags import PROJECT, tags

KEY_HOLDERS: Final = ("production", "staging")
"""Environments with a key of their own; ephemeral stacks use staging's."""

_OLD_VERSIONS_DAYS: Final = 365


class State(pulumi.ComponentResource):
    """The bucket and the keys."""

    bucket: aws.s3.Bucket
    keys: dict[str, aws.kms.Key]
    bucket_key: aws.kms.Key

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare them; both survive everything but an explicit unprotect."""
        super().__init__("agent-exchange:aws:State", "state", None, opts)
        self.keys = {environment: self._key(ctx, environment, environment) for environment in KEY_HOLDERS}
        # All pipelines read through the bucket's own encryption, so its key is nobody's environment.
        self.bucket_key = self._key(ctx, "bucket", ctx.stack)
        self.bucket = private_bucket(
            "state",
            name=bucket_name(ctx),
            key=self.bucket_key.arn,
            protect=ctx.protect,
            tags=ctx.tags(),
            parent=self,
        )
        child = pulumi.ResourceOptions(parent=self)
        versioning = aws.s3.BucketVersioning(
            "state",
            bucket=self.bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            "state",
            bucket=self.bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="old-versions",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=_OLD_VERSIONS_DAYS
                    ),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        aws.s3.BucketPolicy(
            "state", bucket=self.bucket.bucket, policy=document([tls_only(self.bucket.arn)]), opts=child
        )
        self.register_outputs({"bucket": self.bucket.bucket})

    def _key(self, ctx: Context, name: str, environment: str) -> aws.kms.Key:
        key = aws.kms.Key(
            f"state-{name}",
            description=f"Agent Exchange: state, {name}",
            enable_key_rotation=True,
            deletion_window_in_days=30 if ctx.protect else 7,
            policy=document(
                [
                    Statement(
                        sid="AccountDecidesByIam",
                        actions=["kms:*"],
                        resources=["*"],
                        principals={"AWS": f"arn:{ctx.partition}:iam::{ctx.account}:root"},
                    )
                ]
            ),
            tags=tags(ctx.stack, environment),
            opts=ctx.stateful(self),
        )
        aws.kms.Alias(
            f"state-{name}",
            name=key_alias(name),
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key


def bucket_name(ctx: Context) -> str:
    """One bucket per account and region."""
    return physical_name(f"aex-state-{ctx.account}-{ctx.region}", PRODUCTION_STACK, Kind.BUCKET)


def key_alias(environment: str) -> str:
    """What `pulumi stack init --secrets-provider=awskms://<alias>` takes."""
    return physical_name(f"alias/aex-state-{environment}", PRODUCTION_STACK, Kind.KMS_ALIAS)


def state_objects(bucket_arn: pulumi.Input[str], stack: str) -> list[pulumi.Output[str]]:
    """The objects of the stacks that begin with `stack`: state, history, backups and locks."""
    return [
        pulumi.Output.concat(bucket_arn, path)
        for path in (
            f"/.pulumi/stacks/{PROJECT}/{stack}*",
            f"/.pulumi/history/{PROJECT}/{stack}*",
            f"/.pulumi/backups/{PROJECT}/{stack}*",
            f"/.pulumi/locks/organization/{PROJECT}/{stack}*",
        )
    ]


__all__ = ["KEY_HOLDERS", "State", "bucket_name", "key_alias", "state_objects"]
