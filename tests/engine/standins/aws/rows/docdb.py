"""DocumentDB, by moto's RDS code (`shims.py`)."""

from __future__ import annotations

from typing import Any

from infra.components.protocol import Plain, ProviderError
from tests.engine.standins.aws import guards
from tests.engine.standins.aws.kind import Also, AwsKind, Call, Facts, Row
from tests.engine.standins.traits import Name, Traits, fixed


def _secret(_kind: AwsKind, found: Any, _facts: Facts) -> Plain:
    secret = found.get("MasterUserSecret")
    if not secret:
        return []
    return [{"secretArn": secret["SecretArn"], "kmsKeyId": secret["KmsKeyId"], "secretStatus": secret["SecretStatus"]}]


def _delete_cluster(kind: AwsKind, facts: Facts) -> None:
    skip = bool(facts.get("skipFinalSnapshot"))
    snapshot = facts.get("finalSnapshotIdentifier")
    if not skip and not snapshot:
        raise ProviderError(
            "DocumentDB Cluster final_snapshot_identifier is required when skip_final_snapshot is false"
        )
    final = {"SkipFinalSnapshot": True} if skip else {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": snapshot}
    kind.call("delete_db_cluster", DBClusterIdentifier=facts["id"], **final)


def _cluster_is_alone(kind: AwsKind, facts: Facts) -> None:
    (found,) = kind.client().describe_db_clusters(DBClusterIdentifier=facts["id"])["DBClusters"]
    if found.get("DeletionProtection"):
        raise guards.refused(
            kind,
            "InvalidParameterCombination",
            "Cannot delete protected Cluster, please disable deletion protection and try again.",
        )
    if members := [each["DBInstanceIdentifier"] for each in found["DBClusterMembers"]]:
        raise guards.refused(
            kind, "InvalidDBClusterStateFault", f"Cluster cannot be deleted, it still contains DB instances: {members}"
        )


def _plug_in(kind: AwsKind, facts: Facts) -> None:
    """An instance has an interface in each subnet of the cluster's group."""
    (cluster,) = kind.client().describe_db_clusters(DBClusterIdentifier=facts["clusterIdentifier"])["DBClusters"]
    (group,) = kind.client().describe_db_subnet_groups(DBSubnetGroupName=cluster["DBSubnetGroup"])["DBSubnetGroups"]
    subnets = [each["SubnetIdentifier"] for each in group["Subnets"]]
    groups = [each["VpcSecurityGroupId"] for each in cluster["VpcSecurityGroups"]]
    guards.plug_in(kind, facts["identifier"], subnets[:1], groups)


def _unplug(kind: AwsKind, facts: Facts) -> None:
    guards.unplug(kind, facts["id"])


def _group_is_unused(parameter: str) -> Any:
    def check(kind: AwsKind, facts: Facts) -> None:
        clusters = kind.client().describe_db_clusters()["DBClusters"]
        if used := [each["DBClusterIdentifier"] for each in clusters if each.get(parameter) == facts["id"]]:
            raise guards.refused(kind, "InvalidDBParameterGroupStateFault", f"{facts['id']} is in use by {used}")

    return check


_CLUSTER = {
    "clusterIdentifier": "DBClusterIdentifier",
    "dbClusterParameterGroupName": "DBClusterParameterGroupName",
    "dbSubnetGroupName": "DBSubnetGroupName",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
}
# As the provider does it (resourceClusterCreate in terraform-provider-aws): a restore takes less than a creation does,
# so a modification follows; it is there that AWS takes over the password of the user that the snapshot had.
_AFTER_RESTORE = (
    "backupRetentionPeriod",
    "dbClusterParameterGroupName",
    "manageMasterUserPassword",
    "preferredBackupWindow",
    "preferredMaintenanceWindow",
)
_RESTORE = Call(
    "restore_db_cluster_from_snapshot",
    {**_CLUSTER, "snapshotIdentifier": "SnapshotIdentifier"},
    skip=(*_AFTER_RESTORE, "storageEncrypted"),
)
_INSTANCE = {
    "identifier": "DBInstanceIdentifier",
    "clusterIdentifier": "DBClusterIdentifier",
    "instanceClass": "DBInstanceClass",
    "caCertIdentifier": "CACertificateIdentifier",
}
_DOCDB_NAME = r"[a-z](?:-?[a-z0-9])*"

ROWS = {
    "aws:docdb/subnetGroup:SubnetGroup": Row(
        service="docdb",
        create=Call("create_db_subnet_group", {"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"}),
        id="DBSubnetGroup.DBSubnetGroupName",
        read=("describe_db_subnet_groups", {"DBSubnetGroupName": "{id}"}, "DBSubnetGroups[0]"),
        update=Call(
            "modify_db_subnet_group",
            {"description": "DBSubnetGroupDescription"},
            more={"DBSubnetGroupName": "{id}", "SubnetIds": "{subnetIds}"},
        ),
        delete=("delete_db_subnet_group", {"DBSubnetGroupName": "{id}"}),
        outputs={"arn": "DBSubnetGroupArn"},
        before_delete=_group_is_unused("DBSubnetGroup"),
        traits=Traits(name=Name(pattern=r"[a-z0-9 ._-]+", limit=255, lower=True), replace_on=fixed("name")),
    ),
    "aws:docdb/clusterParameterGroup:ClusterParameterGroup": Row(
        service="docdb",
        create=Call(
            "create_db_cluster_parameter_group",
            {"name": "DBClusterParameterGroupName", "family": "DBParameterGroupFamily"},
        ),
        id="DBClusterParameterGroup.DBClusterParameterGroupName",
        also=(
            Also(
                ["parameters"],
                Call(
                    "modify_db_cluster_parameter_group",
                    {"name": "ParameterName", "value": "ParameterValue"},
                    only=["parameters"],
                    more={"DBClusterParameterGroupName": "{id}"},
                ),
            ),
        ),
        read=(
            "describe_db_cluster_parameter_groups",
            {"DBClusterParameterGroupName": "{id}"},
            "DBClusterParameterGroups[0]",
        ),
        delete=("delete_db_cluster_parameter_group", {"DBClusterParameterGroupName": "{id}"}),
        outputs={"arn": "DBClusterParameterGroupArn"},
        before_delete=_group_is_unused("DBClusterParameterGroup"),
        traits=Traits(
            name=Name(pattern=_DOCDB_NAME, limit=255, lower=True), replace_on=fixed("name", "family", "description")
        ),
    ),
    "aws:docdb/cluster:Cluster": Row(
        service="docdb",
        create=Call("create_db_cluster", _CLUSTER),
        instead={"snapshotIdentifier": _RESTORE},
        also=(
            Also(
                ["snapshotIdentifier"],
                Call("modify_db_cluster", _CLUSTER, only=_AFTER_RESTORE, more={"DBClusterIdentifier": "{id}"}),
            ),
        ),
        echoed=fixed("skipFinalSnapshot", "finalSnapshotIdentifier", "applyImmediately"),
        id="DBCluster.DBClusterIdentifier",
        read=("describe_db_clusters", {"DBClusterIdentifier": "{id}"}, "DBClusters[0]"),
        update=Call("modify_db_cluster", _CLUSTER, more={"DBClusterIdentifier": "{id}"}),
        delete=_delete_cluster,
        outputs={
            "arn": "DBClusterArn",
            "clusterResourceId": "DbClusterResourceId",
            "endpoint": "Endpoint",
            "readerEndpoint": "ReaderEndpoint",
            "masterUserSecrets": _secret,
        },
        before_delete=_cluster_is_alone,
        traits=Traits(
            name=Name("clusterIdentifier", _DOCDB_NAME, 63, lower=True),
            replace_on=fixed(
                "clusterIdentifier",
                "dbSubnetGroupName",
                "engine",
                "kmsKeyId",
                "masterUsername",
                "snapshotIdentifier",
                "storageEncrypted",
                "port",
                "availabilityZones",
            ),
        ),
    ),
    "aws:docdb/clusterInstance:ClusterInstance": Row(
        service="docdb",
        create=Call("create_db_instance", _INSTANCE),
        echoed=fixed("applyImmediately"),
        id="DBInstance.DBInstanceIdentifier",
        read=("describe_db_instances", {"DBInstanceIdentifier": "{id}"}, "DBInstances[0]"),
        update=Call("modify_db_instance", _INSTANCE, more={"DBInstanceIdentifier": "{id}"}),
        delete=("delete_db_instance", {"DBInstanceIdentifier": "{id}"}),
        outputs={
            "arn": "DBInstanceArn",
            "dbiResourceId": "DbiResourceId",
            "endpoint": "Endpoint.Address",
            "port": "Endpoint.Port",
        },
        after_create=_plug_in,
        before_delete=_unplug,
        traits=Traits(
            name=Name("identifier", _DOCDB_NAME, 63, lower=True),
            replace_on=fixed("identifier", "clusterIdentifier", "engine", "availabilityZone"),
        ),
    ),
}

__all__ = ["ROWS"]
