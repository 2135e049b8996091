"""S3 buckets and their settings, which are resources of their own in pulumi-aws."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.components.protocol import Plain, PlainProperties
from tests.engine.standins.aws.kind import Also, AwsKind, Call, Facts, Row
from tests.engine.standins.traits import Name, Traits, Within, fixed

Prepared = Callable[[PlainProperties], Mapping[str, Plain]]


def _empty_and_delete(kind: AwsKind, facts: Facts) -> None:
    s3, bucket = kind.client(), facts["id"]
    if facts.get("forceDestroy"):
        found = s3.list_object_versions(Bucket=bucket)
        for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    kind.call("delete_bucket", Bucket=bucket)


def _setting(put: str, prepare: Prepared | None, read: str, delete: str | None) -> Row:
    call = Call(put, prepare=prepare)
    return Row(
        service="s3",
        create=call,
        id="{bucket}",
        read=(read, {"Bucket": "{bucket}"}, "@"),
        update=call,
        whole=True,
        delete=(delete, {"Bucket": "{bucket}"}) if delete else None,
        traits=Traits(replace_on=fixed("bucket"), within=(Within("bucket", "aws:s3/bucket:Bucket"),)),
    )


def _within(block: str) -> Prepared:
    """All inputs but the bucket are one parameter."""
    return lambda inputs: {
        "bucket": inputs["bucket"],
        block: {key: value for key, value in inputs.items() if key != "bucket"},
    }


ROWS = {
    "aws:s3/bucket:Bucket": Row(
        service="s3",
        create=Call("create_bucket", skip=["tags"]),
        echoed=fixed("forceDestroy"),
        id="{bucket}",
        also=(
            Also(
                ["tags"],
                Call("put_bucket_tagging", only=(), more={"Bucket": "{id}", "Tagging": {"TagSet": "{tag_list}"}}),
            ),
        ),
        read=("head_bucket", {"Bucket": "{id}"}, "@"),
        delete=_empty_and_delete,
        outputs={
            "arn": "arn:aws:s3:::{id}",
            "bucketDomainName": lambda _kind, _found, facts: f"{facts['id']}.s3.amazonaws.com",
        },
        traits=Traits(
            name=Name("bucket", r"[a-z0-9][a-z0-9.-]+[a-z0-9]", 63, lower=True),
            replace_on=fixed("bucket"),
            cascades=True,
        ),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _setting(
        "put_bucket_policy", None, "get_bucket_policy", "delete_bucket_policy"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(
        "put_public_access_block",
        _within("publicAccessBlockConfiguration"),
        "get_public_access_block",
        "delete_public_access_block",
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(
        "put_bucket_ownership_controls",
        _within("ownershipControls"),
        "get_bucket_ownership_controls",
        "delete_bucket_ownership_controls",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _setting(
        "put_bucket_encryption",
        _within("serverSideEncryptionConfiguration"),
        "get_bucket_encryption",
        "delete_bucket_encryption",
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _setting(
        "put_bucket_lifecycle_configuration",
        _within("lifecycleConfiguration"),
        "get_bucket_lifecycle_configuration",
        "delete_bucket_lifecycle",
    ),
    # Versioning can be suspended, but a bucket never gets rid of it.
    "aws:s3/bucketVersioning:BucketVersioning": _setting("put_bucket_versioning", None, "get_bucket_versioning", None),
}

__all__ = ["ROWS"]
