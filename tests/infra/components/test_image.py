"""Images: one digest a service, tagged by content, for the platform that runs them, built only when they must be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pulumi
import pytest

from infra.components import pushed
from infra.components.image import Build, ImageArgs, ServiceImage, build_of, content_hash, image_tag
from infra.config.general import ImageSettings
from tests.infra.mocks import Answers, Resource, Run, declared

DIGEST = "sha256:" + "1" * 64
ADDRESS = "registry.example/agent-exchange/aex-identity"
TAG = image_tag("c0ffee", "aex-identity")
PREBUILT = {"source": "prebuilt", "digests": {"aex-identity": DIGEST}}
IMAGE = "docker:index/image:Image"


def build(*in_state: str, found: str | None = None) -> Build:
    def digest_of(image: str) -> str | None:
        assert image == f"{ADDRESS}:{TAG}", "only the tag of the content is looked for"
        return found

    return Build(platform="linux/amd64", content="c0ffee", in_state=frozenset(in_state), digest_of=digest_of)


def elsewhere(resource: Resource) -> Mapping[str, Any]:
    """An engine that has pushed the same image to another registry, too, may name that one."""
    return {"repoDigest": f"elsewhere.example/x@{DIGEST}"} if resource.type == IMAGE else {}


def image(settings: ImageSettings, how: Build | None) -> Run:
    def program() -> None:
        args = ImageArgs(service="aex-identity", repository=ADDRESS, address=ADDRESS, settings=settings, build=how)
        pulumi.export("reference", ServiceImage(args).reference)

    return declared(program, outputs=elsewhere)


def names(run: Run) -> dict[str, str]:
    return {each.name: each.inputs["imageName"].removeprefix(f"{ADDRESS}:") for each in run.of(IMAGE)}


def test_a_prebuilt_image_is_its_digest_and_nothing_is_built() -> None:
    found = image(ImageSettings.model_validate(PREBUILT), None)
    assert found.outputs["reference"] == f"{ADDRESS}@{DIGEST}"
    assert found.inventory() == {}


def test_a_prebuilt_image_may_be_elsewhere() -> None:
    found = image(ImageSettings.model_validate({**PREBUILT, "registry": "ghcr.io/acme"}), None)
    assert found.outputs["reference"] == f"ghcr.io/acme/aex-identity@{DIGEST}"


def test_a_build_names_platform_and_service_and_is_pinned_by_digest() -> None:
    found = image(ImageSettings(), build())
    built = found.one(IMAGE).inputs
    assert built["imageName"] == f"{ADDRESS}:{TAG}"
    assert built["build"]["platform"] == "linux/amd64"
    assert built["build"]["args"] == {"SERVICE": "aex-identity"}
    assert built["buildOnPreview"] is False
    assert "registry" not in built, "a registry's token in the state would change with every deployment"
    assert found.outputs["reference"] == f"{ADDRESS}@{DIGEST}", "in the registry of this cloud"


def test_a_build_is_the_same_from_every_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3] / "infra")
    built = image(ImageSettings(), build()).one(IMAGE).inputs["build"]
    assert (built["context"], built["dockerfile"]) == ("../app", "../app/Dockerfile"), (
        "no state holds anybody's folders"
    )


def test_what_somebody_has_pushed_is_taken_by_its_digest_and_not_built() -> None:
    found = image(ImageSettings(version="v2"), build(f"{ADDRESS}:other", found=DIGEST))
    assert found.outputs["reference"] == f"{ADDRESS}@{DIGEST}"
    assert names(found) == {}


def test_what_this_stack_has_built_stays_declared_and_no_registry_is_asked() -> None:
    how = Build(
        platform="linux/amd64", content="c0ffee", in_state=frozenset({f"{ADDRESS}:{TAG}"}), digest_of=pytest.fail
    )
    assert names(image(ImageSettings(), how)) == {"aex-identity": TAG}, "or the next update would show a deletion"


def test_a_release_tags_what_is_built_in_it() -> None:
    assert names(image(ImageSettings(version="v1"), build())) == {"aex-identity": TAG, "aex-identity-release": "v1"}


@pytest.mark.parametrize("version", ["v2", None])
def test_code_that_has_not_changed_keeps_the_tag_of_the_release_that_built_it(version: str | None) -> None:
    how = build(f"{ADDRESS}:{TAG}", f"{ADDRESS}:v1", f"{ADDRESS}-of-another:v7")
    assert names(image(ImageSettings(version=version), how)) == {"aex-identity": TAG, "aex-identity-release": "v1"}


def test_prebuilt_images_need_neither_a_state_nor_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.components.pushed.in_state", pytest.fail)
    assert build_of(ImageSettings.model_validate(PREBUILT), "linux/amd64") is None


def test_what_was_pushed_is_read_from_the_stacks_own_state() -> None:
    asked: list[Mapping[str, Any]] = []
    urn = "urn:pulumi:dev::agent-exchange::agent-exchange:aws:Platform$agent-exchange:components:Image"

    def state(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(arguments)
        image = {"type": IMAGE, "outputs": {"imageName": f"{ADDRESS}:{TAG}"}}
        other = {"type": "x", "outputs": {"imageName": "no image of ours"}}
        unfinished = {"type": IMAGE, "outputs": {}}
        made = {f"{urn}${IMAGE}::aex-identity": image, f"{urn}${IMAGE}::b": unfinished, f"{urn}::aex-identity": other}
        return {"outputs": made}

    def program() -> None:
        how = build_of(ImageSettings(), "linux/amd64")
        assert how is not None and how.in_state == {f"{ADDRESS}:{TAG}"}
        assert how.content == content_hash("linux/amd64")

    answers: Answers = {"pulumi:pulumi:readStackResourceOutputs": state}
    declared(program, stack="dev", answers=answers)
    assert asked[0] == {"stackName": "organization/agent-exchange/dev"}


def test_the_hash_changes_with_what_is_in_the_image_only(tmp_path: Path) -> None:
    (tmp_path / "aex").mkdir()
    source = tmp_path / "aex" / "a.py"
    source.write_text("one")
    before = content_hash("linux/amd64", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "x").write_text("not in an image")
    (tmp_path / "aex" / "a.pyc").write_text("not in an image")
    assert content_hash("linux/amd64", tmp_path) == before
    assert content_hash("linux/arm64", tmp_path) != before
    assert content_hash("linux/amd64", tmp_path, {"A": "1"}) != before
    source.write_text("two")
    assert content_hash("linux/amd64", tmp_path) != before


def test_the_hash_knows_permissions_as_the_provider_does(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "a.py").chmod(0o644)
    before = content_hash("linux/amd64", tmp_path)
    (tmp_path / "a.py").chmod(0o664)
    assert content_hash("linux/amd64", tmp_path) != before, "one tag for two images would be refused by a registry"


@pytest.mark.parametrize("moved", ["b.py", "aex/b.py"])
def test_the_hash_knows_names(tmp_path: Path, moved: str) -> None:
    (tmp_path / "aex").mkdir()
    (tmp_path / "aex" / "a.py").write_text("one")
    before = content_hash("linux/amd64", tmp_path)
    (tmp_path / "aex" / "a.py").rename(tmp_path / moved)
    assert content_hash("linux/amd64", tmp_path) != before


def test_a_registry_that_cannot_be_asked_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, said = [], []

    def engine() -> None:
        asked.append(1)
        raise docker.errors.DockerException("nobody listens")

    monkeypatch.setattr(docker, "from_env", engine)
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    look_up = pushed.LookUp()
    assert [look_up.digest_of(f"{ADDRESS}:{number}") for number in range(3)] == [None] * 3
    assert len(asked) == len(said) == 1
    assert "nobody listens" in said[0] and "`docker login`" in said[0]
