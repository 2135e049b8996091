"""Config that Google Cloud could not do anything with stops before the first resource, with the remedy."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from infra.components import regions
from infra.components.regions import CLOUD_RUN_REGIONS, CLOUD_SCHEDULER_REGIONS
from infra.config import ConfigError, load
from tests.infra.gcp.stacks import IMAGES, PLACES, settings_of


def refused(stack: str, gcp: Mapping[str, Any], **places: str) -> str:
    values = {"clouds": ["gcp"], "image": IMAGES, "gcp": gcp}
    with pytest.raises(ConfigError) as caught:
        load({**PLACES, **places, **{f"agent-exchange:{key}": value for key, value in values.items()}}, stack)
    return str(caught.value)


@pytest.mark.parametrize(
    ("gcp", "message"),
    [
        ({"sizes": {"aex-gateway": {"cpu": 3, "memory": 1024}}}, "Cloud Run has no 3 vCPU: use one of 1, 2, 4, 6, 8"),
        ({"sizes": {"aex-gateway": {"cpu": 4, "memory": 1024}}}, "2048 to 16384 MiB"),
        ({"sizes": {"aex-gateway": {"cpu": 1, "memory": 512, "concurrency": 2000}}}, "use 1 to 1000 requests"),
        ({"traffic": {"aex-gateway": {"aex-gateway-00001-abc": 80, "latest": 10}}}, "adds up to 90 per cent"),
        (
            {"traffic": {"aex-gateway": {"aex-gateway-00001-abc": 90, "latest": 10}}},
            "'aex-gateway-00001-abc' is no revision of aex-gateway-staging: name one that begins with "
            "aex-gateway-staging- (`gcloud run revisions list --service aex-gateway-staging`), or latest",
        ),
        ({"environments": []}, "name production, staging or both, each once"),
        ({"environments": ["staging", "staging"]}, "name production, staging or both, each once"),
        ({"environments": ["pr"]}, "environments"),
        ({"schedulerRegion": "europe"}, "schedulerRegion"),
        ({"network": {"cidr": "10.30.0.0/27"}}, "use /26 or larger"),
        ({"network": {"connectorCidr": "10.30.1.0/27"}}, "a connector takes a /28"),
        ({"zone": "example-org"}, "zone is of no use without a domain"),
        ({"projectNumber": "acme"}, "projectNumber"),
        ({"egres": "direct"}, "there is no such key"),
        ({"network": {"egres": "direct"}}, "did you mean egress?"),
    ],
)
def test_a_mistake_says_what_to_set(gcp: Mapping[str, Any], message: str) -> None:
    assert message in refused("staging", gcp)


def test_a_region_without_cloud_run_is_refused_with_the_closest_one() -> None:
    message = refused("staging", {}, **{"gcp:region": "us-central2"})
    assert "'us-central2' has no Cloud Run: did you mean us-central1?" in message


@pytest.mark.parametrize("region", sorted(CLOUD_RUN_REGIONS - CLOUD_SCHEDULER_REGIONS))
def test_a_region_without_cloud_scheduler_says_where_else_the_jobs_can_be(region: str) -> None:
    message = refused("staging", {}, **{"gcp:region": region})
    assert f"agent-exchange:gcp.schedulerRegion: {region} has no Cloud Scheduler" in message
    named = re.search(r"as ([a-z0-9-]+), or to", message)
    assert named and named[1] in CLOUD_SCHEDULER_REGIONS
    for way_out in (named[1], region):
        assert settings_of("staging", {"schedulerRegion": way_out}, **{"gcp:region": region}).gcp_region == region


def test_the_lists_of_regions_agree_and_name_their_sources() -> None:
    assert CLOUD_SCHEDULER_REGIONS < CLOUD_RUN_REGIONS
    for page in ("run/docs/locations", "scheduler/docs/locations"):
        assert f"cloud.google.com/{page}" in str(regions.__doc__)


def test_bootstrap_needs_no_scheduler() -> None:
    assert settings_of("bootstrap", {}, **{"gcp:region": "europe-north2"}).gcp_region == "europe-north2"


def test_a_missing_project_is_asked_for() -> None:
    assert "gcp:project: is missing: set it, as in `pulumi config set gcp:project" in refused(
        "staging", {}, **{"gcp:project": ""}
    )


def test_production_is_never_open_to_everybody() -> None:
    assert "set domain (a load balancer with a certificate and Cloud Armor), or set access to iam" in refused(
        "production", {"access": "public"}
    )
    assert "set it to direct or connector" in refused("production", {"network": {"egress": "none"}})
