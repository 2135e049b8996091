"""The images of the services: built from `app/` and pushed, or named by digest. The same on every cloud.

Owns the content hash that tags an image, whether it has to be built, the build, and the reference that tasks and
revisions pin. Does not own the registries (each cloud has its own) nor the log-in to them: pushing uses the Docker
client's own credentials (`docker login`, or a credential helper), so that no registry token is ever kept in a state,
and none changes it.

One build makes the ten images: they share every layer and differ in the last one, which names the service.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_docker as docker

from infra.components import pushed
from infra.config.general import ImageSettings, ImageSource

APP: Final = Path(__file__).resolve().parents[2] / "app"
"""The whole build context."""

DOCKERFILE: Final = "Dockerfile"
DEPLOYED_TAG: Final = "deployed"
"""A moving tag on whatever a stack deployed last, which registries keep however old it is."""

USER_ID: Final = 10001
"""The user and the group that the images run as: not root, and nobody on any host."""

NEVER_IN_AN_IMAGE: Final = frozenset({".venv", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis", ".git"})
NEVER_ENDINGS: Final = (".pyc", ".egg-info")
"""With the names above, what `app/.dockerignore` leaves out."""

_TAG_LENGTH: Final = 16
_TIMEOUT: Final = "20m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What the ten builds of a platform share."""

    platform: str
    """`linux/amd64` or `linux/arm64`; equals what the cloud runs."""
    content: str
    """`content_hash` of the build context."""
    in_state: frozenset[str]
    """What this stack has pushed already, by repository and tag."""
    digest_of: Callable[[str], str | None]
    """Asks a registry for the digest of a tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArgs:
    """What an image is made of and where it goes."""

    service: str
    """Name in the catalog."""
    repository: pulumi.Input[str]
    """Where it is pushed to or found, without tag; known once the repository is there."""
    address: str
    """The same, known before."""
    settings: ImageSettings
    build: Build | None
    """None for prebuilt images."""


class ServiceImage(pulumi.ComponentResource):
    """One image, by digest."""

    reference: pulumi.Output[str]
    """`<repository>@sha256:...`, never a tag."""

    def __init__(self, args: ImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Name the image; where it has to be, build and push it first."""
        super().__init__("agent-exchange:components:Image", args.service, None, opts)
        if args.build is None:
            repository = f"{args.settings.registry}/{args.service}" if args.settings.registry else args.repository
            self.reference = pulumi.Output.concat(repository, "@", args.settings.digests[args.service])
        else:
            self.reference = self._pushed(args, args.build)
        self.register_outputs({"reference": self.reference})

    def _pushed(self, args: ImageArgs, build: Build) -> pulumi.Output[str]:
        """The image of this content: declared as long as this stack built it, else found, else built."""
        tag = image_tag(build.content, args.service)
        built_here = f"{args.address}:{tag}" in build.in_state
        if not built_here and (digest := build.digest_of(f"{args.address}:{tag}")):
            # Somebody built it, or this stack did before its code changed to and fro. Pushing it again would give it
            # another digest, and a registry whose tags never move would refuse.
            return pulumi.Output.from_input(f"{args.address}@{digest}")
        image = self._image(args.service, args, build, tag)
        release = self._release(args, build, tag) if built_here else args.settings.version
        if release:
            # The build is in the engine's cache, so this is the same digest under one more name.
            self._image(f"{args.service}-release", args, build, release, after=image)
        # An engine that has pushed the same image to two registries names either of them.
        digest = image.repo_digest.apply(lambda name: name.rpartition("@")[2])
        return pulumi.Output.concat(args.repository, "@", digest)

    @staticmethod
    def _release(args: ImageArgs, build: Build, tag: str) -> str | None:
        """The release that built what is in the state: code that has not changed keeps its tag, and is not pushed."""
        tags = {name.removeprefix(f"{args.address}:") for name in build.in_state if name.startswith(f"{args.address}:")}
        return next(iter(tags - {tag}), None)

    def _image(
        self, name: str, args: ImageArgs, build: Build, tag: str, after: pulumi.Resource | None = None
    ) -> docker.Image:
        # Relative, or the state would differ between two people's machines, and each would push again.
        context = os.path.relpath(APP)
        return docker.Image(
            name,
            image_name=pulumi.Output.concat(args.repository, ":", tag),
            build=docker.DockerBuildArgs(
                context=context,
                dockerfile=os.path.join(context, DOCKERFILE),
                platform=build.platform,
                args={"SERVICE": args.service},
                builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
            ),
            build_on_preview=False,
            skip_push=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[after] if after else [],
                custom_timeouts=pulumi.CustomTimeouts(create=_TIMEOUT, update=_TIMEOUT),
            ),
        )


def build_of(settings: ImageSettings, platform: str) -> Build | None:
    """What the builds for `platform` share; None where images are prebuilt, and then nothing is read or asked."""
    if settings.source is ImageSource.PREBUILT:
        return None
    return Build(
        platform=platform,
        content=content_hash(platform),
        in_state=pushed.in_state(),
        digest_of=pushed.LookUp().digest_of,
    )


def content_hash(platform: str, app: Path = APP, arguments: Mapping[str, str] | None = None) -> str:
    """SHA-256 over everything that goes into the images: files under `app`, the platform and build arguments.

    The base image is part of it by its digest in the Dockerfile, and permissions are. Times are not: a new checkout of
    the same commit under the same umask has the same hash.
    """
    digest = hashlib.sha256()
    for part in (platform, *(f"{key}={value}" for key, value in sorted((arguments or {}).items()))):
        digest.update(part.encode() + b"\0")
    for path in sorted(files(app), key=lambda found: found.relative_to(app).as_posix()):
        # As fine as the provider's own hash of the context, or it would push another image under the same tag.
        mode = f"{path.stat().st_mode & 0o777:o}".encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(path.relative_to(app).as_posix().encode() + b"\0" + mode + content)
    return digest.hexdigest()


def image_tag(content: str, service: str) -> str:
    """The tag of one service's image: the hash of what all ten share, and of the name that makes the difference."""
    return hashlib.sha256(f"{content}\0{service}".encode()).hexdigest()[:_TAG_LENGTH]


def files(folder: Path) -> Iterator[Path]:
    """Every file that goes into a build, in no order."""
    for entry in os.scandir(folder):
        if entry.name in NEVER_IN_AN_IMAGE or entry.name.endswith(NEVER_ENDINGS):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from files(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


__all__ = [
    "DEPLOYED_TAG",
    "NEVER_ENDINGS",
    "NEVER_IN_AN_IMAGE",
    "USER_ID",
    "Build",
    "ImageArgs",
    "ServiceImage",
    "build_of",
    "content_hash",
    "files",
    "image_tag",
]
