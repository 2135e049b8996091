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


def expiring(
    resource: str,
    bucket: aws.s3.Bucket,
    *,
    days: int,
    abandoned_days: int,
    versioning: aws.s3.BucketVersioning | None = None,
    parent: pulumi.Resource,
) -> None:
    """Objects go after `days`, with `versioning` old versions too; uploads that nobody ended after `abandoned_days`."""
    old = aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(noncurrent_days=days)
    aws.s3.BucketLifecycleConfiguration(
        resource,
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketLifecycleConfigurationRuleArgs(
                id="expire",
                status="Enabled",
                filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
                noncurrent_version_expiration=old if versioning else None,
                abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=abandoned_days
                ),
            )
        ],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[versioning] if versioning else []),
    )


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


__all__ = ["expiring", "private_bucket", "tls_only"]
