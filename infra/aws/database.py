"""Amazon DocumentDB 5.0 for a stack: encrypted, TLS only, in subnets that lead nowhere, its password managed by AWS.

Owns the cluster, its instances, parameters, log groups and security group. The master user is for the one-off task that
makes a user per service (`database_users.py`); no service ever sees it. Atlas is in `atlas.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.aws.context import Context
from infra.aws.logs import log_group
from infra.aws.network import Place
from infra.aws.security_groups import MONGO
from infra.components.naming import Kind, shortened

ENGINE_VERSION: Final = "5.0.0"
MASTER_USER: Final = "aexadmin"
LOGS: Final = ("audit", "profiler")
_SUFFIX_LENGTH: Final = 9
"""A hyphen and four random bytes."""
_SERVERLESS: Final = "db.serverless"
_SLOW_MILLISECONDS: Final = "100"
_PARAMETERS: Final = {
    "tls": "enabled",
    "audit_logs": "enabled",
    "profiler": "enabled",
    "profiler_threshold_ms": _SLOW_MILLISECONDS,
    "ttl_monitor": "enabled",
}


class Database(pulumi.ComponentResource):
    """A DocumentDB cluster."""

    cluster: aws.docdb.Cluster
    instances: list[aws.docdb.ClusterInstance]
    security_group: aws.ec2.SecurityGroup
    endpoint: pulumi.Output[str]
    master_secret_arn: pulumi.Output[str]

    def __init__(
        self, ctx: Context, place: Place, key: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare the cluster in the data subnets of `place`."""
        super().__init__("agent-exchange:aws:Database", "database", None, opts)
        self._ctx, self._key = ctx, key
        self.security_group = aws.ec2.SecurityGroup(
            "aex-docdb",
            name=ctx.name("aex-docdb-sg", Kind.SECURITY_GROUP),
            description="DocumentDB: only from services that own collections",
            vpc_id=place.vpc_id,
            revoke_rules_on_delete=True,
            tags=ctx.tags(name="aex-docdb-sg"),
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(delete="30m")),
        )
        groups = [
            log_group(ctx, f"docdb-{kind}", path=f"/aws/docdb/{cluster_name(ctx)}/{kind}", key=key, parent=self)
            for kind in LOGS
        ]
        self.cluster = self._cluster(place, groups)
        self.instances = [
            aws.docdb.ClusterInstance(
                f"instance-{number}",
                identifier=ctx.name(f"{ctx.aws.database.cluster}-{number}", Kind.DOCDB),
                cluster_identifier=self.cluster.cluster_identifier,
                engine="docdb",
                instance_class=ctx.aws.database.instance_class,
                availability_zone=place.zones[(number - 1) % len(place.zones)],
                promotion_tier=number - 1,
                auto_minor_version_upgrade=True,
                ca_cert_identifier="rds-ca-rsa2048-g1",
                copy_tags_to_snapshot=True,
                preferred_maintenance_window="sun:04:00-sun:05:00",
                apply_immediately=not ctx.protect,
                tags=ctx.tags(),
                # Instances hold no data; the cluster is what is protected, and their number may change.
                opts=pulumi.ResourceOptions(
                    parent=self,
                    custom_timeouts=pulumi.CustomTimeouts(create="60m", update="60m", delete="60m"),
                ),
            )
            for number in range(1, ctx.aws.database.instances + 1)
        ]
        # The cluster's address answers only once an instance is there: whoever takes it, waits for the first. Not for
        # all: while one is being added, the address would be unknown, and a preview would replace what depends on it.
        self.endpoint = pulumi.Output.all(self.cluster.endpoint, self.instances[0].id).apply(
            lambda found: str(found[0])
        )
        self.master_secret_arn = self.cluster.master_user_secrets.apply(
            lambda secrets: (secrets[0].secret_arn or "") if secrets else ""
        )
        self.register_outputs({"endpoint": self.endpoint})

    def _cluster(self, place: Place, groups: Sequence[aws.cloudwatch.LogGroup]) -> aws.docdb.Cluster:
        ctx, wanted = self._ctx, self._ctx.aws.database
        subnets = aws.docdb.SubnetGroup(
            "subnets",
            name=ctx.name("aex-docdb-subnet-group", Kind.DOCDB),
            description="Agent Exchange: data subnets",
            subnet_ids=place.data_subnets,
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        parameters = aws.docdb.ClusterParameterGroup(
            "parameters",
            name=ctx.name("aex-docdb-parameters", Kind.DOCDB),
            family="docdb5.0",
            description="Agent Exchange: TLS, audit and profiler logs",
            parameters=[
                aws.docdb.ClusterParameterGroupParameterArgs(name=name, value=value, apply_method="pending-reboot")
                for name, value in _PARAMETERS.items()
            ],
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        snapshot: pulumi.Input[str] | None = None
        if ctx.protect:
            # A name of its own per life of the cluster: a second teardown must not meet the snapshot of the first.
            suffix = random.RandomId("final-snapshot", byte_length=4, opts=pulumi.ResourceOptions(parent=self))
            name = ctx.name("aex-docdb-final", Kind.DOCDB)
            name = shortened(name, Kind.DOCDB.value.limit - _SUFFIX_LENGTH, unique_by=name)
            snapshot = pulumi.Output.concat(name, "-", suffix.hex)
        return aws.docdb.Cluster(
            "cluster",
            cluster_identifier=cluster_name(ctx),
            engine="docdb",
            engine_version=ENGINE_VERSION,
            port=MONGO,
            # A cluster from a snapshot keeps the master user that it had.
            master_username=None if wanted.restore_from else MASTER_USER,
            manage_master_user_password=True,
            snapshot_identifier=wanted.restore_from,
            db_subnet_group_name=subnets.name,
            db_cluster_parameter_group_name=parameters.name,
            vpc_security_group_ids=[self.security_group.id],
            storage_encrypted=True,
            storage_type="standard",
            serverless_v2_scaling_configuration=aws.docdb.ClusterServerlessV2ScalingConfigurationArgs(
                min_capacity=0.5, max_capacity=16
            )
            if wanted.instance_class == _SERVERLESS
            else None,
            kms_key_id=self._key,
            backup_retention_period=wanted.backup_days,
            preferred_backup_window="02:00-03:00",
            preferred_maintenance_window="sun:03:00-sun:04:00",
            enabled_cloudwatch_logs_exports=list(LOGS),
            deletion_protection=ctx.protect,
            skip_final_snapshot=not ctx.protect,
            final_snapshot_identifier=snapshot,
            apply_immediately=not ctx.protect,
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=ctx.protect,
                depends_on=list(groups),
                custom_timeouts=pulumi.CustomTimeouts(create="60m", update="60m", delete="60m"),
            ),
        )


def cluster_name(ctx: Context) -> str:
    """The cluster's identifier."""
    return ctx.name(ctx.aws.database.cluster, Kind.DOCDB)


__all__ = ["LOGS", "MASTER_USER", "Database", "cluster_name"]
