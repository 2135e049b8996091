"""Images through the real engine, a real Docker engine and a real registry: what is built, and what is not.

The Dockerfile is a little one with the same argument; the real one has tests of its own (`tests/image`).
"""

from __future__ import annotations

import json
import shutil
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.components.protocol import start
from tests.engine.runner import CHECKOUT, Result, Runner
from tests.engine.standins.docker import IMAGE, DockerWorld
from tests.engine.standins.docker_engine import building_provider
from tests.image.docker import Docker

pytestmark = pytest.mark.timeout(300)

SERVICES = ("aex-gateway", "aex-identity")
PROJECT = f"""\
name: images
main: program
runtime:
  name: python
  options:
    virtualenv: {CHECKOUT / ".venv"}
"""
PROGRAM = """\
import json, os, pulumi
from infra.components.image import ImageArgs, ServiceImage, build_of
from infra.config.general import ImageSettings

settings = ImageSettings.model_validate(json.loads(os.environ["IMAGE"]))
registry = os.environ["REGISTRY"]
build = build_of(settings, "linux/amd64")

class Platform(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("agent-exchange:aws:Platform", "aws")
        for service in os.environ["SERVICES"].split():
            address = f"{registry}/{service}"
            args = ImageArgs(service=service, repository=address, address=address, settings=settings, build=build)
            pulumi.export(service, ServiceImage(args, pulumi.ResourceOptions(parent=self)).reference)
        self.register_outputs({})

Platform()
"""
LITTLE = 'FROM scratch\nCOPY aex /aex\nARG SERVICE\nENV AEX_SERVICE=${SERVICE}\nCMD ["/aex"]\n'


@dataclass
class Images(Runner):
    """A project with nothing but the images of two services."""

    world: DockerWorld = field(default_factory=DockerWorld)

    @classmethod
    def new(cls, root: Path, docker: Docker, repositories: str) -> Images:
        (root / ".aex" / "state").mkdir(parents=True)
        shutil.copytree(CHECKOUT / "infra", root / "infra", ignore=shutil.ignore_patterns("__pycache__"))
        (root / "app" / "aex").mkdir(parents=True)
        shutil.copy(CHECKOUT / "app" / ".dockerignore", root / "app")
        (root / "app" / "Dockerfile").write_text(LITTLE)
        (root / "app" / "aex" / "code.py").write_text("one")
        (root / "program").mkdir()
        (root / "program" / "__main__.py").write_text(PROGRAM)
        (root / "Pulumi.yaml").write_text(PROJECT)
        made = cls(root, "dev", {"SERVICES": " ".join(SERVICES), "IMAGE": "{}"})
        made.environment |= {"REGISTRY": f"{docker.registry}/{repositories}"}
        made.environment |= {"DOCKER_HOST": docker.environment["DOCKER_HOST"]}
        return made

    def up(self) -> Result:
        return self.watched("up", "--yes", "--skip-preview")

    def references(self) -> dict[str, str]:
        return json.loads(self.pulumi("stack", "output", "--json"))

    def write(self, code: str) -> None:
        (self.root / "app" / "aex" / "code.py").write_text(code)

    def built(self) -> int:
        """How many have been built since this was last asked."""
        count = len(self.world.builds)
        self.world.builds.clear()
        return count


@pytest.fixture
def images(docker: Docker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Images]:
    made = Images.new(tmp_path / "checkout", docker, f"t{abs(hash(request.node.name))}")
    server, _, port = start(building_provider(made.world, docker, made.root / "program"))
    made.environment["PULUMI_DEBUG_PROVIDERS"] = f"docker:{port}"
    made.pulumi("stack", "init")
    try:
        yield made
    finally:
        server.stop(None).wait()


def test_only_what_has_changed_is_built_and_pushed(images: Images, docker: Docker) -> None:
    preview = images.watched("preview")
    assert {name for _, kind, name in preview.changes if kind == IMAGE} == set(SERVICES)
    assert not images.built(), "a preview builds nothing"

    images.up()
    first = images.references()
    assert images.built() == 2
    for service, reference in first.items():
        repository, _, digest = reference.removeprefix(f"{docker.registry}/").partition("@")
        assert docker.manifest(repository, digest)[0] == digest, f"{service} is in the registry, by what tasks pin"

    assert images.up().changes == set()
    assert images.references() == first
    assert not images.built(), "the second `up` builds nothing"

    images.write("two")
    changed = images.up().changes
    assert changed == {("update", IMAGE, service) for service in SERVICES}
    second = images.references()
    assert images.built() == 2 and set(second.values()).isdisjoint(first.values())

    images.write("one")
    images.up()
    assert images.references() == first, "the same code is the same digest"
    assert not images.built(), "it is there already, so it is neither built nor pushed"
    assert images.watched("preview").changes == set()


def test_another_stack_takes_what_the_first_has_pushed(images: Images) -> None:
    images.up()
    assert images.built() == 2
    references = images.references()
    images.stack = "other"
    images.pulumi("stack", "init")
    images.up()
    assert images.references() == references
    assert not images.built(), "nor does one that has lost its state, or was interrupted after the push"
    assert images.up().changes == set()
    images.stack = "elsewhere"
    images.pulumi("stack", "init")
    images.environment["REGISTRY"] += "/elsewhere"
    images.up()
    assert images.built() == 2
    for service, reference in images.references().items():
        assert reference.startswith(f"{images.environment['REGISTRY']}/{service}@"), "in its own registry"


def test_going_back_to_digests_needs_neither_docker_nor_a_registry(images: Images) -> None:
    images.up()
    references = images.references()
    assert images.built() == 2
    digests = {service: reference.partition("@")[2] for service, reference in references.items()}
    images.write("broken")
    images.environment["IMAGE"] = json.dumps({"source": "prebuilt", "digests": digests})
    images.environment["DOCKER_HOST"] = f"unix://{images.root}/nobody-listens"
    preview = images.watched("preview")
    assert "cannot see" not in preview.output
    images.up()
    assert images.references() == references
    assert not images.built()


def test_a_preview_without_docker_says_that_it_could_not_look(images: Images) -> None:
    images.environment["DOCKER_HOST"] = f"unix://{images.root}/nobody-listens"
    preview = images.watched("preview")
    assert {name for _, kind, name in preview.changes if kind == IMAGE} == set(SERVICES)
    assert "`docker login`" in preview.words
    warnings = [event for event in preview.events if event.get("diagnosticEvent", {}).get("severity") == "warning"]
    assert len([each for each in warnings if "cannot see whether it has been pushed" in str(each)]) == 1, (
        "once, not ten times"
    )


def test_a_release_is_one_more_name_for_the_same_image(images: Images, docker: Docker) -> None:
    images.environment["IMAGE"] = json.dumps({"version": "v1"})
    images.up()
    repository, _, digest = images.references()["aex-gateway"].removeprefix(f"{docker.registry}/").partition("@")
    assert docker.manifest(repository, "v1")[0] == digest
    images.built()
    images.environment["IMAGE"] = json.dumps({"version": "v2"})
    assert images.up().changes == set(), "a release without changes of code changes nothing"
    with pytest.raises(urllib.error.HTTPError):
        docker.manifest(repository, "v2")
