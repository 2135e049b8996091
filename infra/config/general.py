"""The parts of the configuration that do not belong to one cloud: where a stack runs, its images, its repository."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from infra.config.section import EMail, PerService, Section


@unique
class Cloud(StrEnum):
    """The places that a stack can be deployed to."""

    LOCAL = "local"
    GCP = "gcp"
    AWS = "aws"


@unique
class Environment(StrEnum):
    """What a stack is for; decides the defaults of everything else."""

    LOCAL = "local"
    """A laptop: this machine only, services may be debugged."""
    EPHEMERAL = "ephemeral"
    """A pull request or an experiment: cheap, unprotected, with a time to live."""
    STAGING = "staging"
    """Production's shape at a lower price, unprotected."""
    PRODUCTION = "production"
    """Protected, in several zones, never reachable without encryption."""
    BOOTSTRAP = "bootstrap"
    """What exists once per account or project: state bucket, identities of the pipelines."""


@unique
class ImageSource(StrEnum):
    """Where the images of the services come from."""

    BUILD = "build"
    """Built from `app/` by the Docker engine of this machine."""
    PREBUILT = "prebuilt"
    """Built elsewhere and named by digest; nothing is looked up."""


Digest: TypeAlias = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class ImageSettings(Section):
    """`agent-exchange:image`."""

    source: ImageSource = ImageSource.BUILD
    digests: PerService[Digest] = Field(default_factory=dict)
    """Service -> `sha256:...`, for prebuilt images."""
    registry: str | None = None
    """Where prebuilt images are, without a final slash, when it is not the stack's own registry."""
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")] | None = None
    """A release version, which becomes an additional tag."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        if self.source is ImageSource.BUILD and (self.digests or self.registry):
            raise ValueError(
                "digests and registry are for images that exist already: set source to prebuilt, or remove them"
            )
        return self


class GithubSettings(Section):
    """`agent-exchange:github`: the repository whose workflows may deploy, by name and by the ids that never change."""

    owner: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$")]
    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    owner_id: Annotated[int, Field(gt=0)]
    repository_id: Annotated[int, Field(gt=0)]


class AlarmSettings(Section):
    """Who is told when something is wrong; the same on every cloud."""

    emails: list[EMail] = Field(default_factory=list)


class ScalingOverride(Section):
    """Instances of one service: a range, or a fixed number."""

    minimum: Annotated[int, Field(ge=0, le=1000)] | None = None
    maximum: Annotated[int, Field(ge=1, le=1000)] | None = None
    fixed: Annotated[int, Field(ge=0, le=1000)] | None = None

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        if self.fixed is not None and (self.minimum is not None or self.maximum is not None):
            raise ValueError("fixed and a range exclude each other: remove fixed, or remove minimum and maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}: exchange them")
        return self
