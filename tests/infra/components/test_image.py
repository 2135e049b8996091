"""Images: one digest a service, tagged by content, built for the platform that runs them."""

from pathlib import Path

import pytest

from infra.components.image import ImageArgs, ServiceImage, content_hash, image_tag
from infra.config.general import ImageSettings
from tests.infra.mocks import Run, declared

DIGEST = "sha256:" + "1" * 64


def image(settings: ImageSettings, *, tag_deployed: bool = False) -> Run:
    import pulumi

    def program() -> None:
        args = ImageArgs(
            service="aex-identity",
            repository="registry.example/agent-exchange/aex-identity",
            platform="linux/amd64",
            settings=settings,
            content="c0ffee",
            tag_deployed=tag_deployed,
        )
        pulumi.export("reference", ServiceImage(args).reference)

    return declared(program)


def test_a_prebuilt_image_is_its_digest_and_nothing_is_built() -> None:
    found = image(ImageSettings.model_validate({"source": "prebuilt", "digests": {"aex-identity": DIGEST}}))
    assert found.outputs["reference"] == f"registry.example/agent-exchange/aex-identity@{DIGEST}"
    assert found.inventory() == {}


def test_a_prebuilt_image_may_be_elsewhere() -> None:
    elsewhere = {"source": "prebuilt", "registry": "ghcr.io/acme", "digests": {"aex-identity": DIGEST}}
    found = image(ImageSettings.model_validate(elsewhere))
    assert found.outputs["reference"] == f"ghcr.io/acme/aex-identity@{DIGEST}"


def test_a_build_names_platform_and_service_and_is_pinned_by_digest() -> None:
    found = image(ImageSettings())
    built = found.one("docker:index/image:Image").inputs
    assert built["imageName"] == f"registry.example/agent-exchange/aex-identity:{image_tag('c0ffee', 'aex-identity')}"
    assert built["build"]["platform"] == "linux/amd64"
    assert built["build"]["args"] == {"SERVICE": "aex-identity"}
    assert built["buildOnPreview"] is False
    assert "registry" not in built, "a registry's token in the state would change with every deployment"
    assert found.outputs["reference"] == "aex-identity.repoDigest"


def test_release_and_deployed_tags_point_at_the_same_image() -> None:
    found = image(ImageSettings(version="v1.2.3"), tag_deployed=True)
    names = {each.inputs["name"].rpartition(":")[2] for each in found.of("docker:index/registryImage:RegistryImage")}
    assert names == {"v1.2.3", "deployed"}
    assert all(each.inputs["keepRemotely"] for each in found.of("docker:index/registryImage:RegistryImage"))


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


@pytest.mark.parametrize("moved", ["b.py", "aex/b.py"])
def test_the_hash_knows_names(tmp_path: Path, moved: str) -> None:
    (tmp_path / "aex").mkdir()
    (tmp_path / "aex" / "a.py").write_text("one")
    before = content_hash("linux/amd64", tmp_path)
    (tmp_path / "aex" / "a.py").rename(tmp_path / moved)
    assert content_hash("linux/amd64", tmp_path) != before
