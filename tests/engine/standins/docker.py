"""The stand-in for the `docker` provider: images are not built, only counted, and get a digest that stands for them.

`DockerWorld.builds` says what would have been built. A digest follows from the context's content hash (in the tag), the
platform and the arguments, so that the same code has the same digest, as the real build promises. Whether the
Dockerfile builds, and whether a registry takes the push, is not checked here: a kind that drives a real Docker engine
takes `ImageKind`'s place through the `kinds` of `docker_provider`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from infra.components.protocol import Context, Created, PlainProperties, ProviderError, Resource
from tests.engine.standins.checked import CheckedKind
from tests.engine.standins.provider import CheckedProvider
from tests.engine.standins.traits import Traits, fixed
from tests.engine.standins.world import World

IMAGE: Final = "docker:index/image:Image"

DOCKER_TABLE: Final[Mapping[str, Traits]] = {
    # pulumi-docker's own resource: any change is an update, which builds and pushes; a deletion pushes nothing.
    IMAGE: Traits(outputs={"repoDigest": "", "baseImageName": "", "registryServer": ""}, volatile=fixed("repoDigest")),
}  # fmt: skip


@dataclass
class DockerWorld(World):
    """A registry and an engine that builds nothing."""

    builds: list[str] = field(default_factory=list)
    """Image names, in the order in which they would have been built and pushed."""


class ImageKind(CheckedKind):
    """`docker.Image`: build and push."""

    def make(self, context: Context, inputs: PlainProperties) -> Created:
        """Write the build down and invent its digest."""
        outputs = self._built(inputs)
        return Created(f"{outputs['imageName']}-{context.urn.rpartition('::')[2]}", outputs)

    def change(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """A change of whatever kind builds again."""
        return self._built(inputs)

    def _built(self, inputs: PlainProperties) -> PlainProperties:
        name = str(inputs["imageName"])
        repository, _, tag = name.rpartition(":")
        if not repository or "/" in tag:
            raise ProviderError(f"image {name!r} has no tag: it would be `latest`")
        if isinstance(self.world, DockerWorld):
            self.world.builds.append(name)
        build = json.dumps([tag, inputs.get("build")], sort_keys=True, default=str)
        digest = hashlib.sha256(build.encode()).hexdigest()
        return {
            **inputs,
            "baseImageName": name,
            "registryServer": repository.partition("/")[0],
            "repoDigest": f"{repository}@sha256:{digest}",
        }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def docker_provider(world: World, kinds: Iterable[CheckedKind] = ()) -> CheckedProvider:
    """The provider; `kinds` take the place of its own."""
    own: dict[str, CheckedKind] = {IMAGE: ImageKind(IMAGE, world, DOCKER_TABLE[IMAGE])}
    given = {kind.token: kind for kind in kinds}
    return CheckedProvider("docker", world, DOCKER_TABLE, kinds={**own, **given}.values())


__all__ = ["DOCKER_TABLE", "IMAGE", "DockerWorld", "ImageKind", "docker_provider"]
