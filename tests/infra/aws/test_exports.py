"""Exports: where they go, who may, by which way, and how long they stay."""

import json
from typing import Any

import pytest

from infra.aws.exports import EXPORTS
from tests.infra.aws import stacks
from tests.infra.aws.stacks import ACCOUNT, REGION
from tests.infra.mocks import Run

NAMES = {
    "staging": f"aex-exports-{ACCOUNT}-{REGION}-staging",
    "production": f"aex-exports-{ACCOUNT}-{REGION}",
    "pr-12": f"aex-exports-{ACCOUNT}-{REGION}-pr-12",
}


def statements(run: Run, token: str, name: str, key: str = "policy") -> dict[str, Any]:
    return {each["Sid"]: each for each in json.loads(run.one(token, name).inputs[key])["Statement"]}


@pytest.mark.parametrize("name", list(NAMES))
def test_the_bucket_is_private_encrypted_and_emptied_by_age(name: str) -> None:
    run, protected = stacks.stack(name), name == "production"
    bucket = run.one("aws:s3/bucket:Bucket", "exports")
    assert (bucket.inputs["bucket"], bucket.inputs["forceDestroy"]) == (NAMES[name], not protected)
    assert bucket.options.protect is protected
    encryption = run.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", "exports"
    ).inputs["rules"][0]
    assert encryption["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert encryption["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith(":key")
    (rule,) = run.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "exports").inputs["rules"]
    assert (rule["expiration"]["days"], rule["noncurrentVersionExpiration"]["noncurrentDays"]) == (30, 30)
    assert rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"] == 1
    (deny,) = statements(run, "aws:s3/bucketPolicy:BucketPolicy", "exports").values()
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@pytest.mark.parametrize("name", list(NAMES))
def test_only_the_operations_task_may_use_it(name: str) -> None:
    run = stacks.stack(name)
    users = {each.name for each in run.of("aws:iam/rolePolicy:RolePolicy") if "s3:" in each.inputs["policy"]}
    assert users == {"aex-operations-task"}
    found = statements(run, "aws:iam/rolePolicy:RolePolicy", "aex-operations-task")
    bucket = f"arn:aws:s3:::{NAMES[name]}"
    assert found["FindExports"]["Resource"] == [bucket]
    assert found["Exports"]["Resource"] == [f"{bucket}/*"]
    assert set(found["Exports"]["Action"]) == {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"}
    assert found["EncryptExports"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}


def test_on_atlas_exports_are_all_that_the_task_may() -> None:
    peering = {"kind": "atlas", "atlasCidr": "192.168.248.0/21", "atlasPeering": "pcx-0123456789abcdef0"}
    run = stacks.run_of(stacks.settings_of("staging", {"database": peering}))
    found = statements(run, "aws:iam/rolePolicy:RolePolicy", "aex-operations-task")
    assert set(found) == {"FindExports", "Exports", "EncryptExports"}


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_networks_way_to_s3_leads_to_layers_and_this_accounts_exports_only(name: str) -> None:
    found = statements(stacks.stack(name), "aws:ec2/vpcEndpoint:VpcEndpoint", "s3")
    buckets = f"arn:aws:s3:::{EXPORTS}-{ACCOUNT}-{REGION}*"
    assert set(found) == {"ImageLayers", "ExportsOfThisAccount"}
    way = found["ExportsOfThisAccount"]
    # Stacks that live in this network have buckets of their own, under names of the same beginning.
    assert way["Resource"] == [buckets, f"{buckets}/*"]
    assert way["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}}, (
        "data cannot leave through somebody else's bucket"
    )


@pytest.mark.parametrize("name", list(NAMES))
def test_outputs_say_what_starting_the_task_takes(name: str) -> None:
    run = stacks.stack(name)
    found = run.outputs["aws"]
    assert found["exports"] == NAMES[name]
    assert found["operations"].endswith(":aex-operations")
    assert found["operationsNetwork"]["securityGroup"] == "aex-operations-id"
    private = run.one("aws:ecs/service:Service", "aex-identity").inputs["networkConfiguration"]["subnets"]
    assert found["operationsNetwork"]["subnets"] == private
    environment = stacks.containers(run.one("aws:ecs/taskDefinition:TaskDefinition", "aex-operations"))["environment"]
    assert {"name": "AWS_DEFAULT_REGION", "value": REGION} in environment
