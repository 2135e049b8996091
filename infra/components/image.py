"""The images of the services: built from `app/` and pushed, or named by digest. The same on every cloud.

Owns the content hash that tags an image, the build, and the reference that tasks and revisions pin. Does not own the
registries (each cloud has its own) nor the log-in to them: pushing uses the Docker client's own credentials
(`docker login`, or a credential helper), so that no registry token is ever kept in a state, and none changes it.

One build makes the ten images: they share every layer and differ in the last one, which names the service.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_docker as docker

from infra.config.general import ImageSettings, ImageSource

APP: Final = Path(__file__).resolve().parents[2] / "app"
"""The whole build context."""

DOCKERFILE: Final = "Dockerfile"
DEPLOYED_TAG: Final = "deployed"
"""A moving tag on whatever a stack deployed last, which registries keep however old it is."""

USER_ID: Final = 10001
"""The user and the group that the images run as: not root, and nobody on any host."""

_TAG_LENGTH: Final = 16
_NEVER_IN_AN_IMAGE: Final = frozenset({".venv", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis", ".git"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArgs:
    """What an image is made of and where it goes."""

    service: str
    """Name in the catalog."""
    repository: pulumi.Input[str]
    """Where it is pushed to or found, without tag."""
    platform: str
    """`linux/amd64` or `linux/arm64`; equals what the cloud runs."""
    settings: ImageSettings
    content: str
    """`content_hash` of the build context; computed once for the ten."""
    tag_deployed: bool = False
    """Whether to move the tag `deployed` along, for registries whose clean-up needs it."""


class ServiceImage(pulumi.ComponentResource):
    """One image, by digest."""

    reference: pulumi.Output[str]
    """`<repository>@sha256:...`, never a tag."""

    def __init__(self, args: ImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Build and push the image, or only name it when it is prebuilt."""
        super().__init__("agent-exchange:components:Image", args.service, None, opts)
        settings = args.settings
        if settings.source is ImageSource.PREBUILT:
            repository = f"{settings.registry}/{args.service}" if settings.registry else args.repository
            self.reference = pulumi.Output.concat(repository, "@", settings.digests[args.service])
        else:
            self.reference = self._build(args).repo_digest
        self.register_outputs({"reference": self.reference})

    def _build(self, args: ImageArgs) -> docker.Image:
        repository = pulumi.Output.from_input(args.repository)
        image = docker.Image(
            args.service,
            image_name=pulumi.Output.concat(repository, ":", image_tag(args.content, args.service)),
            build=docker.DockerBuildArgs(
                context=str(APP),
                dockerfile=str(APP / DOCKERFILE),
                platform=args.platform,
                args={"SERVICE": args.service},
                builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
            ),
            build_on_preview=False,
            skip_push=False,
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(create="20m", update="20m")),
        )
        tags = [args.settings.version] if args.settings.version else []
        for tag in [*tags, *([DEPLOYED_TAG] if args.tag_deployed else [])]:
            self._also_tagged(image, args.service, pulumi.Output.concat(repository, ":", tag), tag)
        return image

    def _also_tagged(self, image: docker.Image, service: str, name: pulumi.Output[str], tag: str) -> None:
        tagged = docker.Tag(
            f"{service}-{tag}",
            source_image=image.image_name,
            target_image=name,
            tag_triggers=[image.repo_digest],
            opts=pulumi.ResourceOptions(parent=self),
        )
        docker.RegistryImage(
            f"{service}-{tag}",
            name=tagged.target_image,
            # Taking the tag away would make what it marks a candidate for the registry's clean-up.
            keep_remotely=True,
            triggers={"digest": image.repo_digest},
            opts=pulumi.ResourceOptions(parent=self),
        )


def content_hash(platform: str, app: Path = APP, arguments: Mapping[str, str] | None = None) -> str:
    """SHA-256 over everything that goes into the images: files under `app`, the platform and build arguments.

    The base image is part of it by its digest in the Dockerfile. Modification times are not: a new checkout of the same
    commit has the same hash.
    """
    digest = hashlib.sha256()
    for part in (platform, *(f"{key}={value}" for key, value in sorted((arguments or {}).items()))):
        digest.update(part.encode() + b"\0")
    for path in sorted(_files(app), key=lambda found: found.relative_to(app).as_posix()):
        executable = b"x" if path.stat().st_mode & 0o100 else b"-"
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(path.relative_to(app).as_posix().encode() + b"\0" + executable + content)
    return digest.hexdigest()


def image_tag(content: str, service: str) -> str:
    """The tag of one service's image: the hash of what all ten share, and of the name that makes the difference."""
    return hashlib.sha256(f"{content}\0{service}".encode()).hexdigest()[:_TAG_LENGTH]


def _files(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.name in _NEVER_IN_AN_IMAGE or entry.name.endswith((".pyc", ".egg-info")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


__all__ = ["DEPLOYED_TAG", "USER_ID", "ImageArgs", "ServiceImage", "content_hash", "image_tag"]
