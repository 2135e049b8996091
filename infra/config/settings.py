"""The settings of a stack as one frozen object; `load.py` makes it, `rules.py` has the rules between its parts."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from infra.components.catalog import CATALOG
from infra.config.aws import AwsSettings
from infra.config.gcp import Access, GcpSettings
from infra.config.general import Cloud, Environment, GithubSettings, ImageSettings
from infra.config.local import LocalSettings
from infra.config.policy import PolicySettings
from infra.config.section import Section, did_you_mean

_SECRETS = [secret.name for secret in CATALOG.secrets]


def _known_secret(name: str) -> str:
    if name not in _SECRETS:
        raise ValueError(f"{name!r} is not a secret: {did_you_mean(name, _SECRETS)}")
    return name


SecretName: TypeAlias = Annotated[str, AfterValidator(_known_secret)]


class Settings(Section):
    """Everything that a stack's config says, with the defaults of its environment.

    `local`, `aws` and `gcp` are set at least for the clouds that the stack deploys to.
    """

    stack: str
    environment: Environment
    clouds: tuple[Cloud, ...]
    protect: bool
    """The one switch of destructive power: true means that data cannot be lost by accident."""
    confirm_unprotected: str | None = None
    """The stack's own name, typed by somebody who means to take protection off production."""
    time_to_live_hours: Annotated[int, Field(ge=1, le=24 * 31)] | None = None
    """Age at which an ephemeral stack is destroyed."""
    image: ImageSettings = Field(default_factory=ImageSettings)
    secrets: dict[SecretName, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Secret -> version in use, from 1; a higher number rotates it."""
    github: GithubSettings | None = None
    policy: PolicySettings = Field(default_factory=PolicySettings)
    local: LocalSettings | None = None
    aws: AwsSettings | None = None
    gcp: GcpSettings | None = None
    aws_region: str | None = None
    gcp_project: str | None = None
    gcp_region: str | None = None

    @property
    def gcp_access(self) -> Access | None:
        """Who can reach the gateway on Google Cloud: as configured, or what the domain and the environment imply."""
        if self.gcp is None or self.gcp.access is not None:
            return self.gcp.access if self.gcp else None
        if self.gcp.domain is not None:
            return Access.LOADBALANCER
        return Access.IAM if self.environment is Environment.PRODUCTION else Access.PUBLIC


FACTS = ("stack", "awsRegion", "gcpProject", "gcpRegion")
"""Fields of Settings that no key of the project's namespace sets."""

KEYS = sorted(alias for field in Settings.model_fields.values() if (alias := field.alias) and alias not in FACTS)
"""The keys of the project's namespace."""
