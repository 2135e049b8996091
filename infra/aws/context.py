"""What every AWS component needs to know about its stack: names, tags, ARNs, and how much may be destroyed.

Names are known before anything exists, so that permissions can be written for exactly this stack's resources and a
preview shows them in full. Owns no resource.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.components.naming import Kind, physical_name
from infra.components.tags import tags
from infra.config import Settings
from infra.config.aws import AwsSettings

_PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}

BOUNDARY_NAME: Final = "aex-boundary"
"""The permissions boundary that bootstrap makes once per account, for every role that any stack creates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A stack in an account and a region."""

    settings: Settings
    aws: AwsSettings
    region: str
    account: str

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return self.settings.stack

    @property
    def protect(self) -> bool:
        """The one switch of destructive power."""
        return self.settings.protect

    @property
    def partition(self) -> str:
        """`aws`, or what ARNs begin with in China and in the US government's regions."""
        return next((name for start, name in _PARTITIONS.items() if self.region.startswith(start)), "aws")

    @property
    def boundary(self) -> str:
        """ARN of the permissions boundary of every role."""
        return f"arn:{self.partition}:iam::{self.account}:policy/{BOUNDARY_NAME}"

    def name(self, base: str, kind: Kind) -> str:
        """The physical name of a resource."""
        return physical_name(base, self.stack, kind)

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def tags(self, *, service: str | None = None, name: str | None = None) -> dict[str, str]:
        """Tags of a resource; `name` is what the console shows for resources that have no name of their own."""
        values = tags(self.stack, self.settings.environment.value, service=service)
        if self.settings.time_to_live_hours is not None:
            # Hours, not a date: a date would change with every deployment and so never be at rest.
            values["time-to-live-hours"] = str(self.settings.time_to_live_hours)
        if name is not None:
            values["Name"] = physical_name(name, self.stack, Kind.SECURITY_GROUP)
        return dict(sorted(values.items()))

    def stateful(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a resource that holds data: protected from deletion in protected stacks."""
        return pulumi.ResourceOptions(parent=parent, protect=self.protect)


def context_of(settings: Settings) -> Context:
    """The context of the running program; asks AWS which account the credentials belong to."""
    if settings.aws is None or settings.aws_region is None:
        raise ValueError("settings of a stack that does not deploy to AWS have no part `aws`, or no `aws:region`")
    account = aws.get_caller_identity().account_id
    return Context(settings=settings, aws=settings.aws, region=settings.aws_region, account=account)


__all__ = ["BOUNDARY_NAME", "Context", "context_of"]
