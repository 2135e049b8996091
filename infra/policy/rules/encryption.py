"""Data at rest and the keys that encrypt it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.policy.model import About, Place, Resource, Stack, resource_rule, stack_rule

_LONGEST_ROTATION_SECONDS: Final = 90 * 24 * 3600
"""Google's recommendation and Checkov's bound."""


@resource_rule(
    About(
        id="aws-ecr-key",
        place=Place.AWS,
        reason="only with a key of ours can access to images be taken back and be seen in the key's log",
        remedy="set encryptionConfigurations to type KMS with the stack's key",
        checkov=("CKV_AWS_136",),
    ),
    "aws:ecr/repository:Repository",
)
def ecr_key(resource: Resource, _: Stack) -> Iterator[str]:
    """Images are encrypted with the stack's key."""
    encryption = resource.properties.parts("encryptionConfigurations")
    if not any(each.text("encryptionType") == "KMS" and each.has("kmsKey") for each in encryption):
        yield "images are not encrypted with a key of the stack"


@resource_rule(
    About(
        id="aws-docdb-encrypted",
        place=Place.AWS,
        reason="storage, backups and snapshots hold every tenant's data, and encryption cannot be added later",
        remedy="set storageEncrypted to true and kmsKeyId to the stack's key",
        checkov=("CKV_AWS_74", "CKV_AWS_182"),
    ),
    "aws:docdb/cluster:Cluster",
)
def docdb_encrypted(resource: Resource, _: Stack) -> Iterator[str]:
    """The database is encrypted with the stack's key."""
    if resource.properties.flag("storageEncrypted") is not True:
        yield "the database is not encrypted"
    elif not resource.properties.has("kmsKeyId"):
        yield "the database is encrypted with a key that every account's administrators share"


@resource_rule(
    About(
        id="aws-secret-key",
        place=Place.AWS,
        reason="with the account's default key, whoever may read a secret needs no leave to decrypt it",
        remedy="set kmsKeyId to the stack's key",
        checkov=("CKV_AWS_149",),
    ),
    "aws:secretsmanager/secret:Secret",
)
def secret_key(resource: Resource, _: Stack) -> Iterator[str]:
    """Secrets are encrypted with the stack's key."""
    if not resource.properties.has("kmsKeyId"):
        yield "the secret has no key of its own"


@resource_rule(
    About(
        id="aws-log-group-key",
        place=Place.AWS,
        reason="logs tell who trades what with whom",
        remedy="set kmsKeyId to the stack's key",
        checkov=("CKV_AWS_158",),
    ),
    "aws:cloudwatch/logGroup:LogGroup",
)
def log_group_key(resource: Resource, _: Stack) -> Iterator[str]:
    """Logs are encrypted with the stack's key."""
    if not resource.properties.has("kmsKeyId"):
        yield "the log group has no key"


@resource_rule(
    About(
        id="aws-topic-key",
        place=Place.AWS,
        reason="alarms name services, tenants and addresses",
        remedy="set kmsMasterKeyId to the stack's key",
        checkov=("CKV_AWS_26",),
    ),
    "aws:sns/topic:Topic",
)
def topic_key(resource: Resource, _: Stack) -> Iterator[str]:
    """Messages are encrypted at rest."""
    if not resource.properties.has("kmsMasterKeyId"):
        yield "messages are not encrypted"


@resource_rule(
    About(
        id="aws-key-rotation",
        place=Place.AWS,
        reason="a key that never changes and whose policy nobody wrote protects nothing that leaks",
        remedy="set enableKeyRotation to true and give the key a policy",
        checkov=("CKV_AWS_7", "CKV2_AWS_64"),
    ),
    "aws:kms/key:Key",
)
def key_rotation(resource: Resource, _: Stack) -> Iterator[str]:
    """Keys rotate and say who may use them."""
    if resource.properties.flag("enableKeyRotation") is not True:
        yield "the key never rotates"
    if not resource.properties.has("policy"):
        yield "the key has no policy of its own"


@stack_rule(
    About(
        id="aws-bucket-encrypted",
        place=Place.AWS,
        reason="buckets hold access logs and the state of stacks, and how they are encrypted must be written down",
        remedy="declare a BucketServerSideEncryptionConfiguration for the bucket",
        checkov=("CKV_AWS_19", "CKV2_AWS_67"),
    ),
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
)
def bucket_encrypted(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """Every bucket says how it encrypts."""
    for bucket in (each for each in resources if each.type.endswith(":Bucket")):
        if not any(each.refers_to(bucket, "bucket") and each.properties.has("rules") for each in resources):
            yield bucket, "nothing says how the bucket encrypts"


@resource_rule(
    About(
        id="gcp-key-rotation",
        place=Place.GCP,
        reason="a key that never changes decrypts everything that was ever written",
        remedy="set rotationPeriod to at most 7776000s (90 days)",
        checkov=("CKV_GCP_43",),
    ),
    "gcp:kms/cryptoKey:CryptoKey",
)
def google_key_rotation(resource: Resource, _: Stack) -> Iterator[str]:
    """Keys rotate every 90 days."""
    period = resource.properties.text("rotationPeriod").removesuffix("s")
    if not period.isdigit() or int(period) > _LONGEST_ROTATION_SECONDS:
        yield "the key does not rotate within 90 days"


@resource_rule(
    About(
        id="gcp-key-kept",
        place=Place.GCP,
        protected=True,
        reason="without its key the state of a stack cannot be read any more",
        remedy="set protect on the key",
        checkov=("CKV_GCP_82",),
    ),
    "gcp:kms/cryptoKey:CryptoKey",
)
def google_key_kept(resource: Resource, _: Stack) -> Iterator[str]:
    """Keys of protected stacks cannot be destroyed."""
    if not resource.protect:
        yield "the key can be destroyed"


RULES = (
    ecr_key,
    docdb_encrypted,
    secret_key,
    log_group_key,
    topic_key,
    key_rotation,
    bucket_encrypted,
    google_key_rotation,
    google_key_kept,
)
