"""Data that must not be lost, images that must not change, and what is found in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.config import Environment
from infra.policy.model import About, Place, Resource, Severity, Stack, resource_rule, stack_rule

_LEAST_BACKUP_DAYS: Final = 7
_KEPT: Final = (
    "aws:docdb/cluster:Cluster",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "aws:kms/key:Key",
    "aws:ecr/repository:Repository",
    "gcp:firestore/database:Database",
    "gcp:storage/bucket:Bucket",
    "gcp:secretmanager/secret:Secret",
    "gcp:artifactregistry/repository:Repository",
    "gcp:kms/keyRing:KeyRing",
)
"""What holds data, or what data cannot be read without."""

_NOT_EPHEMERAL: Final = frozenset(Environment) - {Environment.EPHEMERAL}


@resource_rule(
    About(
        id="stateful-protected",
        place=Place.EVERY,
        protected=True,
        reason="one wrong rename would delete it together with its data",
        remedy="set protect on the resource (the platform does with agent-exchange:protect)",
    ),
    *_KEPT,
)
def stateful_protected(resource: Resource, _: Stack) -> Iterator[str]:
    """In a protected stack Pulumi refuses to delete what holds data. Access logs expire by themselves."""
    if not resource.protect:
        yield "Pulumi would delete it"


@resource_rule(
    About(
        id="aws-docdb-kept",
        place=Place.AWS,
        protected=True,
        reason="whoever deletes the cluster, by mistake or not, deletes every tenant's data",
        remedy="set deletionProtection to true, and skipFinalSnapshot to false with a finalSnapshotIdentifier",
    ),
    "aws:docdb/cluster:Cluster",
)
def docdb_kept(resource: Resource, _: Stack) -> Iterator[str]:
    """In a protected stack the cluster cannot be deleted, and leaves a snapshot when it is."""
    if resource.properties.flag("deletionProtection") is not True:
        yield "AWS would delete the cluster"
    if resource.properties.flag("skipFinalSnapshot") is True or not resource.properties.has("finalSnapshotIdentifier"):
        yield "no snapshot would be left"


@resource_rule(
    About(
        id="aws-docdb-backups",
        place=Place.AWS,
        reason="a mistake is often found only days later",
        remedy=f"set agent-exchange:aws.database.backupDays to at least {_LEAST_BACKUP_DAYS}",
        checkov=("CKV_AWS_360",),
        environments=_NOT_EPHEMERAL,
    ),
    "aws:docdb/cluster:Cluster",
)
def docdb_backups(resource: Resource, _: Stack) -> Iterator[str]:
    """Backups reach back a week."""
    days = resource.properties.number("backupRetentionPeriod") or 1
    if days < _LEAST_BACKUP_DAYS:
        yield f"backups reach back {days:g} days"


@resource_rule(
    About(
        id="aws-alb-kept",
        place=Place.AWS,
        protected=True,
        reason="a new load balancer has a new address, and clients would not find the gateway",
        remedy="set enableDeletionProtection to true",
        checkov=("CKV_AWS_150",),
    ),
    "aws:lb/loadBalancer:LoadBalancer",
)
def alb_kept(resource: Resource, _: Stack) -> Iterator[str]:
    """In a protected stack the load balancer cannot be deleted."""
    if resource.properties.flag("enableDeletionProtection") is not True:
        yield "AWS would delete the load balancer"


@resource_rule(
    About(
        id="aws-secret-recoverable",
        place=Place.AWS,
        protected=True,
        reason="a secret that is gone takes with it whatever was signed or hashed with it",
        remedy="set recoveryWindowInDays to 7 or more",
    ),
    "aws:secretsmanager/secret:Secret",
)
def secret_recoverable(resource: Resource, _: Stack) -> Iterator[str]:
    """In a protected stack a deleted secret can be brought back."""
    days = resource.properties.number("recoveryWindowInDays")
    if days is not None and days < 7:
        yield "a deleted secret is gone at once"


@resource_rule(
    About(
        id="aws-ecr-immutable",
        place=Place.AWS,
        reason="a tag that moves makes a deployment something else than what was tested",
        remedy="set imageTagMutability to IMMUTABLE, or IMMUTABLE_WITH_EXCLUSION for tags that are only markers",
        checkov=("CKV_AWS_51",),
    ),
    "aws:ecr/repository:Repository",
)
def ecr_immutable(resource: Resource, _: Stack) -> Iterator[str]:
    """Tags never move, but for markers (`deployed-...`, caches)."""
    properties = resource.properties
    if not properties.text("imageTagMutability").startswith("IMMUTABLE"):
        yield "tags can be moved to other images"
    if any(each.text("filter") == "*" for each in properties.parts("imageTagMutabilityExclusionFilters")):
        yield "every tag is excluded from being immutable"


@resource_rule(
    About(
        id="aws-ecr-scanned",
        place=Place.AWS,
        reason="known flaws in images should be known before somebody else uses them",
        remedy="set imageScanningConfiguration.scanOnPush to true",
        checkov=("CKV_AWS_163",),
    ),
    "aws:ecr/repository:Repository",
)
def ecr_scanned(resource: Resource, _: Stack) -> Iterator[str]:
    """Images are scanned."""
    if resource.properties.flag("imageScanningConfiguration.scanOnPush") is not True:
        yield "images are not scanned"


@resource_rule(
    About(
        id="gcp-registry-scanned",
        place=Place.GCP,
        reason="known flaws in images should be known before somebody else uses them",
        remedy="set vulnerabilityScanningConfig.enablementConfig to INHERITED",
        severity=Severity.ADVISORY,
    ),
    "gcp:artifactregistry/repository:Repository",
)
def registry_scanned(resource: Resource, _: Stack) -> Iterator[str]:
    """Images are scanned where the project scans."""
    if resource.properties.text("vulnerabilityScanningConfig.enablementConfig") == "DISABLED":
        yield "images are not scanned"


@resource_rule(
    About(
        id="gcp-firestore-kept",
        place=Place.GCP,
        protected=True,
        reason="whoever deletes the database, by mistake or not, deletes every tenant's data",
        remedy="set deleteProtectionState to DELETE_PROTECTION_ENABLED, deletionPolicy to PREVENT and "
        "pointInTimeRecoveryEnablement to POINT_IN_TIME_RECOVERY_ENABLED",
    ),
    "gcp:firestore/database:Database",
)
def firestore_kept(resource: Resource, _: Stack) -> Iterator[str]:
    """In a protected stack the database cannot be deleted, and its last week can be brought back."""
    if resource.properties.text("deleteProtectionState") != "DELETE_PROTECTION_ENABLED":
        yield "Google would delete the database"
    if resource.properties.text("deletionPolicy") == "DELETE":
        yield "Pulumi would delete the database"
    if resource.properties.text("pointInTimeRecoveryEnablement") != "POINT_IN_TIME_RECOVERY_ENABLED":
        yield "what is overwritten cannot be brought back"


@stack_rule(
    About(
        id="gcp-firestore-backups",
        place=Place.GCP,
        protected=True,
        reason="point-in-time recovery reaches back seven days only, and goes with the database",
        remedy="declare a BackupSchedule for the database",
    ),
    "gcp:firestore/database:Database",
    "gcp:firestore/backupSchedule:BackupSchedule",
)
def firestore_backups(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """In a protected stack there are backups."""
    for database in (each for each in resources if each.type.endswith(":Database")):
        if not any(each.refers_to(database, "database") for each in resources):
            yield database, "nothing makes backups"


@resource_rule(
    About(
        id="gcp-service-kept",
        place=Place.GCP,
        protected=True,
        reason="a service that is deleted loses its address, which callers outside may have written down",
        remedy="set deletionProtection to true",
    ),
    "gcp:cloudrunv2/service:Service",
    "gcp:secretmanager/secret:Secret",
)
def service_kept(resource: Resource, _: Stack) -> Iterator[str]:
    """In a protected stack Google refuses to delete services and secrets."""
    if resource.properties.flag("deletionProtection") is not True:
        yield "it would be deleted"


@resource_rule(
    About(
        id="gcp-bucket-versioned",
        place=Place.GCP,
        protected=True,
        reason="an export or a state that is overwritten by mistake must come back",
        remedy="set versioning.enabled to true",
        checkov=("CKV_GCP_78",),
    ),
    "gcp:storage/bucket:Bucket",
)
def bucket_versioned(resource: Resource, _: Stack) -> Iterator[str]:
    """In a protected stack buckets keep what is overwritten."""
    if resource.properties.flag("versioning.enabled") is not True:
        yield "what is overwritten is lost"


RULES = (
    stateful_protected,
    docdb_kept,
    docdb_backups,
    alb_kept,
    secret_recoverable,
    ecr_immutable,
    ecr_scanned,
    registry_scanned,
    firestore_kept,
    firestore_backups,
    service_kept,
    bucket_versioned,
)
