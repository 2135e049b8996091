"""The stand-in for the `docker` provider that builds and pushes for real, with the Docker engine of the tests.

What the real provider does is done here through Docker's client: build with BuildKit for the platform that is asked,
push, and read the digest off the engine. Left out: credentials (the registry of the tests wants none), `cacheFrom`, and
the digest of the context that the provider adds to `build`; the tag is as fine as that one is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from infra.components.protocol import PlainProperties, ProviderError
from tests.engine.standins.checked import CheckedKind
from tests.engine.standins.docker import DOCKER_TABLE, IMAGE, DockerWorld, ImageKind, docker_provider
from tests.engine.standins.provider import CheckedProvider
from tests.image.docker import Docker


class BuiltImageKind(ImageKind):
    """`docker.Image` by a real engine. Relative paths are below `folder`, where the engine would start the provider."""

    def __init__(self, world: DockerWorld, docker: Docker, folder: Path) -> None:
        super().__init__(IMAGE, world, DOCKER_TABLE[IMAGE])
        self._docker, self._folder = docker, folder

    def _built(self, inputs: PlainProperties) -> PlainProperties:
        name, build = str(inputs["imageName"]), cast("Mapping[str, object]", inputs["build"])
        if build.get("builderVersion") != "BuilderBuildKit":
            raise ProviderError("the Dockerfile needs BuildKit: set builder_version")
        arguments = cast("Mapping[str, str]", build.get("args") or {})
        context, dockerfile = (os.path.normpath(self._folder / str(build[key])) for key in ("context", "dockerfile"))
        words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        try:
            self._docker.run(
                "build", f"--platform={build['platform']}", f"--file={dockerfile}", *words, "-t", name, context
            )
            self._docker.run("push", name)
        except AssertionError as error:
            raise ProviderError(str(error)) from error
        assert isinstance(self.world, DockerWorld)
        self.world.builds.append(name)
        return {
            **inputs,
            "baseImageName": name,
            "registryServer": name.partition("/")[0],
            # The first, like the real provider, which need not be the one that was pushed just now.
            "repoDigest": cast("list[str]", self._docker.inspect(name)["RepoDigests"])[0],
        }


def building_provider(world: DockerWorld, docker: Docker, folder: Path) -> CheckedProvider:
    """The provider; `folder` is that of the program."""
    kinds: list[CheckedKind] = [BuiltImageKind(world, docker, folder)]
    return docker_provider(world, kinds)


__all__ = ["BuiltImageKind", "building_provider"]
