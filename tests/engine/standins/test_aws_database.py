"""The stand-in for AWS: databases, and tasks that run once, as `shims.py` adds them to moto."""

from __future__ import annotations

from typing import Any

import pytest

from infra.components.protocol import ProviderError, Resource
from tests.engine.standins.aws import left_behind
from tests.engine.standins.aws.bare import TAGS, Cloud, id_of
from tests.engine.standins.aws.shims import ONE_OFF


def secret_of(cluster: Resource) -> str:
    secrets: Any = cluster.outputs["masterUserSecrets"]
    return str(secrets[0]["secretArn"])


class TestDatabase:
    @pytest.fixture
    def database(self, network: Cloud) -> Cloud:
        subnets = [id_of(network, "a"), id_of(network, "b")]
        network.create(
            "aws:docdb/subnetGroup:SubnetGroup", "subnets", name="aex", description="d", subnetIds=subnets, **TAGS
        )
        network.create(
            "aws:docdb/cluster:Cluster",
            "cluster",
            clusterIdentifier="aex-docdb",
            engine="docdb",
            engineVersion="5.0.0",
            masterUsername="aexadmin",
            manageMasterUserPassword=True,
            dbSubnetGroupName="aex",
            vpcSecurityGroupIds=[id_of(network, "group")],
            deletionProtection=True,
            skipFinalSnapshot=False,
            finalSnapshotIdentifier="aex-docdb-final",
            **TAGS,
        )
        network.create(
            "aws:docdb/clusterInstance:ClusterInstance",
            "instance",
            identifier="aex-docdb-1",
            clusterIdentifier="aex-docdb",
            engine="docdb",
            instanceClass="db.t4g.medium",
            **TAGS,
        )
        return network

    def test_its_password_is_managed_by_aws(self, database: Cloud):
        assert secret_of(database.made["cluster"][1]).startswith("arn:aws:secretsmanager:us-east-1:")

    def test_it_is_restored_from_a_snapshot_that_exists_and_aws_manages_its_password_again(self, database: Cloud):
        inputs = database.made["cluster"][1].inputs
        restored = {key: value for key, value in inputs.items() if key != "masterUsername"}
        restored |= {"clusterIdentifier": "aex-docdb-2", "backupRetentionPeriod": 14, "snapshotIdentifier": "before"}
        with pytest.raises(ProviderError, match="before"):
            database.create("aws:docdb/cluster:Cluster", "restored", **restored)
        client = database.account.client("docdb")
        client.create_db_cluster_snapshot(DBClusterIdentifier="aex-docdb", DBClusterSnapshotIdentifier="before")
        database.create("aws:docdb/cluster:Cluster", "restored", **restored)
        (found,) = client.describe_db_clusters(DBClusterIdentifier="aex-docdb-2")["DBClusters"]
        assert (found["MasterUsername"], found["BackupRetentionPeriod"]) == ("aexadmin", 14)
        assert found["MasterUserSecret"]["SecretArn"] != secret_of(database.made["cluster"][1])

    def test_it_goes_by_and_by_and_leaves_its_snapshot(self, database: Cloud):
        with pytest.raises(ProviderError, match="deletion protection"):
            database.delete("cluster")
        database.update("cluster", deletionProtection=False)
        with pytest.raises(ProviderError, match="still contains DB instances"):
            database.delete("cluster")
        for name in ("subnets", "group"):
            with pytest.raises(ProviderError):
                database.delete(name)
        for name in ("instance", "cluster", "subnets", "group"):
            database.delete(name)
        assert [each for each in left_behind(database.account) if each.startswith("docdb")] == [
            "docdb: aex-docdb-final"
        ]


class TestTasks:
    def test_a_one_off_task_has_ended_when_asked_by_http(self, network: Cloud):
        import boto3

        ecs = boto3.Session("a", "b", region_name="us-east-1").client("ecs", endpoint_url=network.account.endpoint)
        ecs.create_cluster(clusterName="aex")
        container = {"name": "x", "image": "x", "memory": 512}
        ecs.register_task_definition(family="f", networkMode="awsvpc", containerDefinitions=[container])
        places = {"subnets": [id_of(network, "a")], "securityGroups": [id_of(network, "group")]}
        ONE_OFF.exit_code = 3
        (task,) = ecs.run_task(
            cluster="aex",
            taskDefinition="f",
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": places},
        )["tasks"]
        (found,) = ecs.describe_tasks(cluster="aex", tasks=[task["taskArn"]])["tasks"]
        assert (found["lastStatus"], found["containers"][0]["exitCode"]) == ("STOPPED", 3)
        assert ecs.list_tasks(cluster="aex", desiredStatus="STOPPED")["taskArns"] == [task["taskArn"]]
        assert ecs.list_tasks(cluster="aex", serviceName="f", desiredStatus="STOPPED")["taskArns"] == [], "no service's"
        assert ONE_OFF.started == 1
        network.delete("a")
