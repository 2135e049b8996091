"""What rules know about a stack, from the stack's own config. Unknown never means unprotected."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from infra.config import ConfigError, Environment, Settings, load
from infra.config.gcp import Access, Egress
from infra.config.policy import Waiver
from infra.policy.model import Stack
from infra.policy.waivers import READ_ONLY_ROOT


def stack_of(settings: Settings, today: datetime.date) -> Stack:
    """What rules know about a stack with these settings."""
    aws, gcp = settings.aws, settings.gcp
    production = settings.environment is Environment.PRODUCTION
    return Stack(
        name=settings.stack,
        environment=settings.environment,
        protect=settings.protect,
        https=aws is not None and (aws.domain is not None or (production and not aws.allow_http)),
        private_egress=gcp is None or gcp.network.egress is not Egress.NONE,
        open_gateway=gcp is None or settings.gcp_access is not Access.IAM,
        today=today,
        waivers=tuple(settings.policy.waivers),
        shells=tuple(
            Waiver.model_validate(
                {
                    "rule": READ_ONLY_ROOT,
                    "resource": service,
                    "reason": "aws.executeCommand opens a shell",
                    "until": last,
                }
            )
            for service, last in (aws.execute_command if aws else {}).items()
        ),
    )


def strictest(name: str, today: datetime.date) -> Stack:
    """A stack of which nothing is known: judged as production, without waivers."""
    return Stack(name=name, environment=Environment.PRODUCTION, protect=True, https=True, today=today)


def stack_from_config(values: Mapping[str, object], name: str, today: datetime.date) -> Stack:
    """What rules know about a stack with this config; nothing where it cannot be used, which the program explains."""
    try:
        return stack_of(load(values, name), today)
    except ConfigError:
        return strictest(name, today)
