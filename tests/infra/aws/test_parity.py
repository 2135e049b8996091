"""Two clouds, one public shape: the same outputs and the same files where the meaning is the same."""

from pathlib import Path

import pytest

from infra.config.aws import AwsSettings
from infra.config.gcp import GcpSettings
from tests.infra.aws import stacks as aws
from tests.infra.components.expected import PORTS
from tests.infra.gcp import stacks as gcp

SHARED = {
    # output: what it means on either cloud
    "gatewayUrl": "where clients call",
    "services": "service -> where its callers find it",
    "registry": "service -> its image repository",
    "images": "service -> what runs, by digest",
    "database": "where the data is; no password",
    "names": "service -> what the cloud calls it",
    "operations": "what operators start for one-off work",
    "exports": "the bucket that exports go to",
    "dashboard": "what to look at first",
    "apiKey": "the operator's key, a secret",
}
AWS_ONLY = {"loadBalancer", "cluster", "operationsNetwork", "logs", "roles", "alarms", "operatorSeed", "foundation"}
GCP_ONLY = {"accounts", "projectNumber"}
"""What the other cloud has no word for: tasks need subnets and a cluster, log groups are one a service; accounts and
projects are Google's."""

SAME_CONCERNS = {
    *("alarms", "bootstrap", "bucket", "budget", "context", "dashboard", "database", "firewall", "github", "iam"),
    *("identity", "ingress", "logs", "monitoring", "network", "notifications", "operations", "permissions"),
    *("platform", "registry", "scaling", "secrets", "service", "slo", "state"),
}


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_both_clouds_say_the_same_things_of_a_stack(stack: str) -> None:
    ours, theirs = aws.stack(stack).outputs["aws"], gcp.stack(stack).outputs["gcp"]
    assert set(ours) - set(theirs) - {"loadBalancer"} == AWS_ONLY - {"loadBalancer"}
    assert set(theirs) - set(ours) == GCP_ONLY
    assert set(SHARED) <= set(ours) & set(theirs)
    for key in SHARED:
        assert type(ours[key]) is type(theirs[key]), key
        if isinstance(ours[key], dict):
            assert set(ours[key]) == set(theirs[key]) == set(PORTS), key
    for found in (ours, theirs):
        assert all("@sha256:" in image for image in found["images"].values())
        assert found["gatewayUrl"].startswith("http")


def test_the_same_concerns_are_in_files_of_the_same_names() -> None:
    infra = Path(__file__).resolve().parents[3] / "infra"
    modules = [{each.stem for each in (infra / cloud).glob("*.py")} for cloud in ("aws", "gcp")]
    assert modules[0] & modules[1] >= SAME_CONCERNS


def test_config_keys_have_one_name_where_the_meaning_is_the_same() -> None:
    ours, theirs = set(AwsSettings.model_fields), set(GcpSettings.model_fields)
    assert ours & theirs >= {
        *("alarms", "budget", "domain", "minimum_instances", "network", "requests_per_five_minutes", "restart"),
        *("scaling", "sizes", "zone"),
    }
