"""A private bucket: no public access, owner of everything in it, encrypted, reached by TLS only."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.aws.iam import Statement


def private_bucket(
    resource: str,
    *,
    name: str,
    key: pulumi.Input[str] | None,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.s3.Bucket:
    """A bucket called `name`, encrypted with `key`, or with S3's own keys when that is None.

    The policy is the caller's, and starts with `tls_only`.
    """
    child = pulumi.ResourceOptions(parent=parent)
    bucket = aws.s3.Bucket(
        resource,
        bucket=name,
        force_destroy=not protect,
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
    aws.s3.BucketOwnershipControls(
        resource,
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=child,
    )
    aws.s3.BucketPublicAccessBlock(
        resource,
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        resource,
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                    sse_algorithm="AES256" if key is None else "aws:kms", kms_master_key_id=key
                ),
                bucket_key_enabled=key is not None,
            )
        ],
        opts=child,
    )
    return bucket


def tls_only(bucket_arn: pulumi.Input[str]) -> Statement:
    """Refuses whoever comes without TLS."""
    return Statement(
        sid="OnlyWithTls",
        effect="Deny",
        actions=["s3:*"],
        resources=[bucket_arn, pulumi.Output.concat(bucket_arn, "/*")],
        principals={"AWS": "*"},
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


__all__ = ["private_bucket", "tls_only"]
