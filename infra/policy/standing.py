"""The standing exceptions of the platform: rules that do not hold for some of its resources, by decision."""

from __future__ import annotations

from typing import Final

from infra.config import Environment
from infra.policy.waivers import StandingException

_BOOTSTRAP: Final = frozenset({Environment.BOOTSTRAP})

STANDING: Final[tuple[StandingException, ...]] = (
    StandingException(
        rule="aws-iam-all-resources",
        type="aws:iam/policy:Policy",
        name="aex-deploy-*",
        environments=_BOOTSTRAP,
        reason="A pipeline makes resources that have no ARN yet. What keeps it from others' is denied by name and by "
        "tag (infra/aws/apart.py), and the boundary limits every role that it makes.",
    ),
    StandingException(
        rule="gcp-impersonation",
        type="gcp:projects/iAMMember:IAMMember",
        name="deploy-*-iam-serviceAccountUser",
        environments=_BOOTSTRAP,
        reason="A pipeline makes the services' accounts and lets services run as them; they do not exist when "
        "bootstrap runs. Hence one project for each environment (docs/gcp.md), in which there are no others to act as.",
    ),
)
