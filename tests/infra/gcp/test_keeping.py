"""Registry, secrets, names, and what `protect` decides beyond the database: what is kept, and what goes."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from infra.components.naming import Kind, physical_name
from infra.gcp.secrets import number_in
from tests.infra.gcp.stacks import SERVICE, container, run_of, settings_of, stack
from tests.infra.mocks import Run

SECRET, VERSION = "gcp:secretmanager/secret:Secret", "gcp:secretmanager/secretVersion:SecretVersion"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
STATEFUL = {
    REPOSITORY,
    SECRET,
    "gcp:firestore/database:Database",
    "gcp:storage/bucket:Bucket",
    "random:index/randomBytes:RandomBytes",
    "gcp:compute/globalAddress:GlobalAddress",
}


@pytest.mark.parametrize(("name", "protect"), [("production", True), ("staging", False), ("pr-12", False)])
def test_the_one_switch_protects_what_holds_data_and_nothing_else(name: str, protect: bool) -> None:
    run = stack(name)
    for each in run.resources:
        # Of a secret's versions the one in use is kept; a rotation, or taking one back, drops another.
        holds = each.type in STATEFUL and not each.name.endswith("-2")
        assert each.options.protect is (protect and holds), each.urn
    for each in run.of(SECRET):
        assert each.inputs["deletionProtection"] is protect
    for each in run.of("gcp:storage/bucket:Bucket"):
        assert each.inputs["forceDestroy"] is not protect
        kept = each.inputs["softDeletePolicy"]["retentionDurationSeconds"]
        assert (kept > 0) is protect, "what is soft-deleted is billed"


def test_prebuilt_images_are_never_cleaned_up_since_nobody_here_knows_which_run() -> None:
    repository = stack("production").one(REPOSITORY).inputs
    assert repository["format"] == "DOCKER"
    assert repository["dockerConfig"]["immutableTags"] is True, "a release stays what was tested"
    assert not repository.get("cleanupPolicies")


def test_building_pushes_for_the_only_platform_of_cloud_run_and_keeps_whatever_has_a_tag() -> None:
    run = run_of(settings_of("dev-x", image={"source": "build", "version": "v1.2.3"}), _built)
    assert run.one(REPOSITORY).inputs["dockerConfig"]["immutableTags"] is False, "a build may push a tag again"
    built = run.of("docker:index/image:Image")
    images = [image for image in built if not image.name.endswith("-release")]
    assert len(images) == 10
    for image in built:
        assert image.inputs["imageName"].startswith("us-central1-docker.pkg.dev/acme-exchange/aex-dev-x/aex-")
        assert image.inputs["build"]["platform"] == "linux/amd64"
        assert image.inputs["buildOnPreview"] is False
    assert {image.inputs["imageName"].rpartition(":")[2] for image in built if image not in images} == {"v1.2.3"}
    for service in run.of(SERVICE):
        assert "@sha256:" in container(service)["image"]
    # Every one of them keeps the tag of its content: whatever a revision runs has a tag, and no such image may go.
    for image in images:
        assert re.fullmatch(r"[0-9a-f]{16}", image.inputs["imageName"].rpartition(":")[2])
    policies = run.one(REPOSITORY).inputs["cleanupPolicies"]
    (deleting,) = (each for each in policies if each["action"] == "DELETE")
    assert deleting["condition"] == {"tagState": "UNTAGGED", "olderThan": f"{90 * 86400}s"}
    (keeping,) = (each for each in policies if each["action"] == "KEEP")
    assert keeping["mostRecentVersions"]["keepCount"] >= 10


def _built(resource: object) -> dict[str, str]:
    inputs = getattr(resource, "inputs", {})
    if "imageName" not in inputs:
        return {}
    return {"repoDigest": f"{inputs['imageName'].rpartition(':')[0]}@sha256:{'1' * 64}"}


def written(run: Run, secret: str) -> list[int]:
    """Which versions the text of a secret carries, in order."""
    (found,) = (each for each in run.of(VERSION) if each.name == secret)
    assert "secretData" in found.secrets
    return [int(part.partition(":")[0]) for part in found.inputs["secretData"].split(",")]


def test_a_secret_knows_its_next_version_before_anybody_uses_it() -> None:
    run = stack("staging")
    assert written(run, "aex-jwt-secret") == [1, 2]
    assert written(run, "aex-api-key-salt") == [1, 2]
    assert written(run, "aex-operator-key") == [1], "one reader: nobody can be behind"


def test_a_rotated_secret_keeps_the_version_before() -> None:
    run = run_of(settings_of("staging", secrets={"aex-jwt-secret": 3}))
    assert written(run, "aex-jwt-secret") == [3, 4, 2]
    made = {each.name for each in run.of("random:index/randomBytes:RandomBytes")}
    assert {"aex-jwt-secret-2", "aex-jwt-secret-3", "aex-jwt-secret-4"} <= made
    assert {"aex-api-key-salt-1", "aex-api-key-salt-2"} <= made, "the others stay what they are"


def test_a_version_that_a_revision_still_reads_is_not_destroyed() -> None:
    for each in stack("production").of(VERSION):
        assert each.inputs["deletionPolicy"] == "ABANDON"
        assert each.options.deletedWith, "it goes when the secret goes"


def test_secrets_stay_in_the_region() -> None:
    for each in stack("production").of(SECRET):
        (replica,) = each.inputs["replication"]["userManaged"]["replicas"]
        assert replica["location"] == "us-central1"


def test_the_operators_key_is_a_secret_output() -> None:
    assert stack("staging").outputs["gcp"]["apiKey"].startswith("aexk_")


def test_the_project_number_comes_from_a_resource_and_a_surprise_says_what_to_set() -> None:
    assert number_in("projects/123/secrets/x") == "123"
    with pytest.raises(ValueError, match="projectNumber"):
        number_in("projects/acme/secrets/x")


# --- names

LONG = ("dev-" + "a" * 36 + "1", "dev-" + "a" * 36 + "2")
NAMED = ("name", "accountId", "secretId", "repositoryId", "sloId", "serviceId")
GLOBAL = {"gcp:firestore/index:Index", "gcp:firestore/field:Field"}


def names(run: Run) -> set[tuple[str, str]]:
    return {
        (each.type, each.inputs[key])
        for each in run.resources
        for key in NAMED
        if each.custom
        and isinstance(each.inputs.get(key), str)
        and each.type not in GLOBAL
        # Names of other resources that something is put on.
        and not each.type.endswith(("IamMember", "RecordSet"))
    }


def test_two_stacks_with_long_names_share_nothing() -> None:
    first, second = (names(run_of(settings_of(name, {"network": {"egress": "connector"}}))) for name in LONG)
    assert len(first) > 40
    assert not first & second
    limits = {
        "gcp:cloudrunv2/service:Service": 49,
        "gcp:serviceaccount/account:Account": 30,
        "gcp:vpcaccess/connector:Connector": 20,
    }
    for token, name in first:
        # Google counts each hyphen of a connector's name as two characters, and wants less than 21.
        length = len(name) + (name.count("-") if "vpcaccess" in token else 0)
        assert length <= limits.get(token, 63 if "cloudscheduler" not in token else 500), (token, name)


PATTERNS = {
    "gcp:cloudrunv2/service:Service": r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?",
    "gcp:serviceaccount/account:Account": r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
    "gcp:secretmanager/secret:Secret": r"[A-Za-z0-9_-]{1,255}",
    "gcp:firestore/database:Database": r"[a-z][a-z0-9-]{2,61}[a-z0-9]",
    "gcp:storage/bucket:Bucket": r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]",
    "gcp:monitoring/slo:Slo": r"[A-Za-z0-9-]+",
    "gcp:logging/metric:Metric": r"[A-Za-z0-9_.,+!*',()%/-]{1,100}",
}


def test_a_name_that_only_pulumi_allows_becomes_one_that_google_allows() -> None:
    odd = "dev-Team_A.x-" + "9" * 60
    found = names(run_of(settings_of(odd, {"domain": "a-very-long-name-of-a-domain.example.org", "armor": "block"})))
    for token, name in found:
        pattern = PATTERNS.get(
            token, r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?" if "scheduler" not in token else r"[A-Za-z0-9_-]+"
        )
        assert re.fullmatch(pattern, name), (token, name)


KINDS = {
    "gcp:cloudrunv2/service:Service": Kind.CLOUD_RUN,
    "gcp:cloudrunv2/job:Job": Kind.CLOUD_RUN,
    "gcp:serviceaccount/account:Account": Kind.SERVICE_ACCOUNT,
    "gcp:secretmanager/secret:Secret": Kind.GOOGLE_SECRET,
    "gcp:artifactregistry/repository:Repository": Kind.ARTIFACT_REPOSITORY,
    "gcp:firestore/database:Database": Kind.FIRESTORE_DATABASE,
    "gcp:cloudscheduler/job:Job": Kind.SCHEDULER_JOB,
    "gcp:storage/bucket:Bucket": Kind.BUCKET,
    "gcp:logging/metric:Metric": Kind.GOOGLE_KEY,
}
"""Everything else with a name is a part of the network, or named like one."""
STACK_NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)


@settings(deadline=None)  # the first example declares a whole stack
@given(stack_name=STACK_NAMES, other=STACK_NAMES)
def test_any_stack_name_of_pulumi_makes_names_that_google_takes_and_no_other_stack_has(
    stack_name: str, other: str
) -> None:
    assume(stack_name != other)
    bare = names(stack("production"))
    assert len(bare) > 40
    for token, base in bare:
        kind = KINDS.get(token, Kind.GOOGLE_NETWORK)
        name = physical_name(base, stack_name, kind)
        usual = r"[A-Za-z0-9_-]{1,500}" if "cloudscheduler" in token else r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
        assert re.fullmatch(PATTERNS.get(token, usual), name), (token, name)
        assert name != physical_name(base, other, kind), (token, name)


def test_production_has_the_guides_bare_names() -> None:
    found = {name for _, name in names(stack("production"))}
    assert {"aex-gateway", "aex", "aex-jwt-secret", "aex-api-key-salt"} <= found
    assert not names(stack("production")) & names(stack("staging"))
