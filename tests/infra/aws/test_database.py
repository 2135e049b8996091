"""The database of a stack, of its own or shared, and what it keeps to itself."""

import re

import pytest

from infra.aws.foundation import needed
from infra.config import ConfigError
from tests.infra.aws import stacks


def test_the_database_is_encrypted_audited_and_keeps_its_password_to_itself() -> None:
    for name in ("staging", "production"):
        run = stacks.stack(name)
        cluster = run.one("aws:docdb/cluster:Cluster").inputs
        assert cluster["storageEncrypted"] is True
        assert cluster["manageMasterUserPassword"] is True
        assert "masterPassword" not in cluster
        assert cluster["engineVersion"] == "5.0.0"
        parameters = run.one("aws:docdb/clusterParameterGroup:ClusterParameterGroup").inputs["parameters"]
        assert {"tls": "enabled", "audit_logs": "enabled", "profiler": "enabled"}.items() <= {
            each["name"]: each["value"] for each in parameters
        }.items()
        assert cluster["enabledCloudwatchLogsExports"] == ["audit", "profiler"]


def test_a_cluster_can_start_from_a_snapshot() -> None:
    aws = {"database": {"restoreFrom": "aex-docdb-final-12345678", "instanceClass": "db.r5.large"}}
    run = stacks.run_of(stacks.settings_of("staging", aws))
    cluster = run.one("aws:docdb/cluster:Cluster").inputs
    assert cluster["snapshotIdentifier"] == "aex-docdb-final-12345678"
    assert "masterUsername" not in cluster
    assert re.fullmatch("aex-docdb-[0-9a-f]{8}-staging", cluster["clusterIdentifier"]), "beside the one it replaces"
    assert run.one("aws:docdb/clusterInstance:ClusterInstance").inputs["instanceClass"] == "db.r5.large"


def test_an_ephemeral_stack_lives_in_staging_with_databases_of_its_own() -> None:
    run = stacks.stack("pr-12")
    assert not [each for each in run.resources if each.type in ("aws:ec2/vpc:Vpc", "aws:docdb/cluster:Cluster")]
    found = stacks.containers(run.one("aws:ecs/taskDefinition:TaskDefinition", "aex-identity"))["environment"]
    variables = {each["name"]: each["value"] for each in found}
    assert variables["MONGO_HOST"] == "staging.docdb.example"
    assert variables["MONGO_DB"] == variables["MONGO_USER"] == "aex-identity-pr-12"
    assert run.one("aws:ecs/cluster:Cluster").inputs["tags"]["time-to-live-hours"] == "72"


def test_a_host_that_cannot_be_shared_is_named_with_the_remedy() -> None:
    assert needed("staging", "vpcId", "vpc-1") == "vpc-1"
    with pytest.raises(ConfigError, match=r"(?s)'staging'.*has no endpoints.*set network\.interfaceEndpoints to true"):
        needed("staging", "endpoints", "")
