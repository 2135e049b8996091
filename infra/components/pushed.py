"""What has been pushed already: by this stack, as its state says, and by anybody, as the registry says.

Owns the two questions that decide whether an image is built. Does not own the answer (`image.py`). Docker's engine asks
the registry, with the client's own credentials, so that nothing of a log-in passes through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, TypeAlias, cast

import pulumi

_IMAGE: Final = "docker:index/image:Image"
_STATE: Final = "pulumi:pulumi:readStackResourceOutputs"


_Resources: TypeAlias = Mapping[str, Mapping[str, Mapping[str, str]]]
"""URN -> `type` and `outputs`."""


class _Api(Protocol):
    """What is used of Docker's client."""

    def inspect_distribution(self, image: str) -> Mapping[str, Mapping[str, str]]:
        """What the registry has under that name."""
        ...


class _Engine(Protocol):
    """The client."""

    api: _Api


def in_state() -> frozenset[str]:
    """The images that this stack has built and pushed, by repository and tag; none before its first update.

    Read from the state, not kept in a resource: whether an image is in there decides whether it stays declared.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = cast("Mapping[str, _Resources]", pulumi.runtime.invoke(_STATE, {"stackName": stack}).value or {})
    resources = answer.get("outputs") or {}
    return frozenset(
        resource["outputs"]["imageName"]
        for urn, resource in resources.items()
        if urn.split("::")[-2].endswith(_IMAGE) and "imageName" in resource["outputs"]
    )


class LookUp:
    """Asks registries, until one cannot be asked: then it is quiet, because ten times a timeout would be minutes."""

    def __init__(self) -> None:
        """Nothing has been asked yet."""
        self._works = True

    def digest_of(self, image: str) -> str | None:
        """`sha256:...` of `image` (with a tag) in its registry; None if there is none, or if nobody can be asked.

        The second is said as a warning and is no failure: what follows is a build, which says by itself what it lacks.
        """
        if not self._works:
            return None
        import docker  # a third of a second, and only where something is built
        import docker.errors

        try:
            engine = cast("_Engine", docker.from_env())
            return engine.api.inspect_distribution(image)["Descriptor"]["digest"]
        except docker.errors.NotFound:
            return None
        except (docker.errors.DockerException, OSError) as error:
            self._works = False
            pulumi.log.warn(
                f"{image}: cannot see whether it has been pushed before, so all images count as new ({error}). A build "
                "needs a running Docker engine (DOCKER_HOST) that is logged in to the registry (`docker login`)."
            )
            return None


__all__ = ["LookUp", "in_state"]
