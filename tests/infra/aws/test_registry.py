"""Images: where they are kept, what is never cleaned up, and how it is marked."""

import fnmatch
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from infra.aws.deployed import Reference, mark, problems, reference_of
from tests.infra.aws import stacks
from tests.infra.aws.stacks import ACCOUNT, DIGEST, REGION
from tests.infra.components.expected import PORTS

REPOSITORY, POLICY = "aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"


@pytest.mark.parametrize("name", ["staging", "production", "pr-12"])
def test_every_service_has_a_scanned_encrypted_repository_whose_tags_never_move(name: str) -> None:
    run = stacks.stack(name)
    assert {each.name for each in run.of(REPOSITORY)} == set(PORTS)
    for each in run.of(REPOSITORY):
        suffix = "" if name == "production" else f"-{name}"
        assert each.inputs["name"] == f"agent-exchange/{each.name}{suffix}"
        assert each.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        (encryption,) = each.inputs["encryptionConfigurations"]
        assert (encryption["encryptionType"], encryption["kmsKey"][-4:]) == ("KMS", ":key")
        assert each.inputs["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
        (movable,) = each.inputs["imageTagMutabilityExclusionFilters"]
        assert movable == {"filter": "deployed*", "filterType": "WILDCARD"}
        assert each.options.protect is (name == "production")


def kept(images: list[tuple[str, list[str]]], rules: list[dict[str, Any]]) -> list[str]:
    """Which of `images` (digest, tags; newest first) ECR keeps: each rule in turn speaks for what it selects."""
    spoken: set[str] = set()
    gone: set[str] = set()
    for rule in sorted(rules, key=lambda each: each["rulePriority"]):
        chosen = rule["selection"]
        prefixes = chosen.get("tagPrefixList", [])
        matching = [
            digest
            for digest, tags in images
            if digest not in spoken
            and (chosen["tagStatus"] == "any" or any(tag.startswith(each) for tag in tags for each in prefixes))
        ]
        spoken |= set(matching)
        assert chosen["countType"] == "imageCountMoreThan"
        gone |= set(matching[chosen["countNumber"] :])
    return [digest for digest, _ in images if digest not in gone]


def test_the_newest_thirty_stay_and_whatever_was_deployed_however_old() -> None:
    for each in stacks.stack("production").of(POLICY):
        rules = json.loads(each.inputs["policy"])["rules"]
        assert all(rule["action"] == {"type": "expire"} for rule in rules)
        assert [rule["rulePriority"] for rule in rules if rule["selection"]["tagStatus"] == "any"] == [len(rules)]
        images = [(f"sha256:{number}", [f"{number:016x}"]) for number in range(100)]
        images[60][1].append("deployed-0123456789ab")
        images[99][1].append("deployed")
        assert kept(images, rules) == [f"sha256:{number}" for number in (*range(30), 60, 99)]


def test_tags_of_what_is_deployed_are_those_that_may_move_and_that_the_clean_up_knows() -> None:
    reference = Reference(ACCOUNT, REGION, "agent-exchange/aex-identity", DIGEST)
    assert reference.tags == ("deployed-000000000000", "deployed")
    assert all(fnmatch.fnmatchcase(tag, "deployed*") for tag in reference.tags)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (
            f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/agent-exchange/aex-identity@{DIGEST}",
            (ACCOUNT, REGION, "agent-exchange/aex-identity"),
        ),
        (f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b@{DIGEST}", (ACCOUNT, "cn-north-1", "a/b")),
        (f"ghcr.io/acme/aex-identity@{DIGEST}", None),
    ],
)
def test_an_image_is_marked_where_it_is_and_elsewhere_left_alone(
    image: str, expected: tuple[str, str, str] | None
) -> None:
    found = reference_of(image)
    assert (found and (found.account, found.region, found.repository)) == expected


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("ecr", region_name=REGION)
        client.create_repository(
            repositoryName="aex",
            imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "deployed*"}],
        )
        yield client


def pushed(ecr: Any, number: int) -> Reference:
    manifest: dict[str, Any] = {"schemaVersion": 2, "layers": [{"digest": f"sha256:{number}"}]}
    manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
    image = ecr.put_image(repositoryName="aex", imageManifest=json.dumps(manifest), imageTag=f"v{number}")["image"]
    return Reference(ACCOUNT, REGION, "aex", image["imageId"]["imageDigest"])


def tags(ecr: Any) -> dict[str, set[str]]:
    """Digest -> tags."""
    found: dict[str, set[str]] = {}
    for each in ecr.describe_images(repositoryName="aex")["imageDetails"]:
        found[each["imageDigest"]] = set(each.get("imageTags", []))
    return found


def test_what_was_deployed_once_keeps_its_mark_when_the_next_is_deployed(ecr: Any) -> None:
    first, second = pushed(ecr, 1), pushed(ecr, 2)
    for reference in (first, second):
        for _ in range(2):  # a deployment that is repeated finds its tags there
            assert mark(reference, ecr) is None
    assert tags(ecr) == {
        first.digest: {"v1", first.tags[0]},
        second.digest: {"v2", second.tags[0], "deployed"},
    }


def test_every_container_is_marked_by_the_digest_in_the_task_definition(ecr: Any) -> None:
    reference = pushed(ecr, 1)
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/aex@{reference.digest}"
    containers = [{"image": image}, {"image": f"ghcr.io/acme/sidecar@{DIGEST}"}]
    assert problems({"containerDefinitions": json.dumps(containers)}, lambda _: ecr) == []
    assert reference.tags[0] in tags(ecr)[reference.digest]


def test_an_image_that_was_never_pushed_is_named(ecr: Any) -> None:
    said = mark(Reference(ACCOUNT, REGION, "aex", DIGEST), ecr)
    assert said is not None
    assert f"{DIGEST} is not in repository aex: push it there first" in said


def test_a_registry_that_refuses_is_told_and_stops_nothing() -> None:
    class Silent:
        def batch_get_image(self, **_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://api.ecr.us-east-1.amazonaws.com")

        def put_image(self, **_: Any) -> Any:
            raise AssertionError

    said = mark(Reference(ACCOUNT, REGION, "aex", DIGEST), Silent())
    assert said is not None
    assert "allow ecr:BatchGetImage and ecr:PutImage, and deploy again" in said


@pytest.mark.parametrize("source", ["prebuilt", "build"])
def test_both_sources_of_images_mark_what_they_deploy(source: str) -> None:
    run = stacks.stack("staging") if source == "prebuilt" else stacks.built()[0]
    for definition in run.of("aws:ecs/taskDefinition:TaskDefinition"):
        expected = [f"{definition.name}-marks-its-image"] if definition.name in PORTS else []
        assert list(definition.options.hooks.before_create) == expected
        assert not definition.secrets, "the digest is read from it"
    assert run.of("docker:index/tag:Tag") == [], "no tag needs Docker, or a registry at preview"
