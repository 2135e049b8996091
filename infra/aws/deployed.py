"""Marks in the registry what a stack deploys, so that its clean-up never takes an image that may run.

Owns the two tags: `deployed` moves to what was deployed last; `deployed-<digest>` stays on every digest that ever was,
because a deployment that goes back runs an earlier one again. They are set while the engine makes a new revision of a
task definition, from the digest in it: previews look nothing up, and it is the same for images that were built here and
for digests from config. Does not own the clean-up (`registry.py`) nor other people's registries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, cast

import pulumi

from infra.aws.ecs_calls import aws_errors
from infra.aws.ecs_hooks import configured_profile
from infra.components.image import DEPLOYED_TAG

Answer: TypeAlias = "Mapping[str, object]"

_DIGITS: Final = 12
_OWN_REGISTRY: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<repository>[^@:]+)"
    r"@(?P<digest>sha256:[0-9a-f]{64})"
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Without them ECR translates a manifest into an old form, which has another digest."""
_ALREADY_THERE: Final = "ImageAlreadyExistsException"


class Ecr(Protocol):
    """What is used of boto3's client."""

    def batch_get_image(
        self,
        *,
        registryId: str,
        repositoryName: str,
        imageIds: Sequence[Mapping[str, str]],
        acceptedMediaTypes: Sequence[str],
    ) -> Answer:
        """See boto3."""
        ...

    def put_image(self, **arguments: str) -> Answer:
        """See boto3."""
        ...


@dataclass(frozen=True, slots=True)
class Reference:
    """An image in ECR, by digest."""

    account: str
    region: str
    repository: str
    digest: str

    @property
    def tags(self) -> tuple[str, str]:
        """What marks it: first what stays, then what moves."""
        short = self.digest.removeprefix("sha256:")[:_DIGITS]
        return f"{DEPLOYED_TAG}-{short}", DEPLOYED_TAG


def reference_of(image: str) -> Reference | None:
    """The parts of `image`; None when it is not in ECR, whose owner then keeps what he wants."""
    found = _OWN_REGISTRY.fullmatch(image)
    return Reference(found["account"], found["region"], found["repository"], found["digest"]) if found else None


def mark(reference: Reference, ecr: Ecr) -> str | None:
    """Tags the image; returns what is wrong, with the remedy, or None."""
    try:
        answer = ecr.batch_get_image(
            registryId=reference.account,
            repositoryName=reference.repository,
            imageIds=[{"imageDigest": reference.digest}],
            acceptedMediaTypes=_MANIFESTS,
        )
        images = cast("Sequence[Mapping[str, str]]", answer.get("images") or [])
        if not images:
            return (
                f"{reference.digest} is not in repository {reference.repository}: push it there first, since ECS will "
                "look for it and not find it"
            )
        for tag in reference.tags:
            _tagged(reference, images[0], tag, ecr)
    except aws_errors() as error:
        return (
            f"{reference.repository} does not let itself be tagged ({error}): the registry's clean-up may take "
            f"{reference.digest} while it runs; allow ecr:BatchGetImage and ecr:PutImage, and deploy again"
        )
    return None


def marked(service: str) -> pulumi.ResourceHookBinding:
    """Binds the marking to a task definition: before each new revision, and before ECS looks for the image.

    A failure is a warning: what runs is right, and the clean-up takes weeks to reach it.
    """
    profile = configured_profile()

    def run(args: pulumi.ResourceHookArgs) -> None:
        for problem in problems(args.new_inputs or {}, lambda reference: _ecr(reference, profile)):
            pulumi.log.warn(f"{service}: {problem}")

    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(f"{service}-marks-its-image", run)])


def problems(inputs: Mapping[str, object], connected: Callable[[Reference], Ecr]) -> list[str]:
    """Marks every image of a task definition with these inputs; what was wrong."""
    containers = cast("list[dict[str, str]]", json.loads(str(inputs["containerDefinitions"])))
    references = [reference_of(container["image"]) for container in containers]
    found = [mark(reference, connected(reference)) for reference in references if reference is not None]
    return [problem for problem in found if problem is not None]


def _tagged(reference: Reference, image: Mapping[str, str], tag: str, ecr: Ecr) -> None:
    media = image.get("imageManifestMediaType")
    try:
        ecr.put_image(
            registryId=reference.account,
            repositoryName=reference.repository,
            imageManifest=image["imageManifest"],
            imageDigest=reference.digest,
            imageTag=tag,
            **({"imageManifestMediaType": media} if media else {}),
        )
    except aws_errors() as error:
        # The tag is where it should be already; so says ECR, and nothing else.
        if _ALREADY_THERE not in str(error):
            raise


def _ecr(reference: Reference, profile: str | None) -> Ecr:
    # Takes a third of a second and is needed by deployments only, not by previews.
    import boto3  # pyright: ignore[reportMissingTypeStubs]

    session = boto3.Session(profile_name=profile, region_name=reference.region)
    return cast("Ecr", session.client("ecr"))  # pyright: ignore[reportUnknownMemberType]


__all__ = ["Ecr", "Reference", "mark", "marked", "problems", "reference_of"]
