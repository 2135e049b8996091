"""Service accounts and memberships, in the one form that all components use.

Memberships are non-authoritative: they add one member to one role and never touch what others have granted. They are
tied to the resource that they are on (`deleted_with`) and go with it. A membership of the *project* is not: it has to
be taken away before its account is deleted, or the project's policy would fill with `deleted:serviceAccount:` entries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.gcp.context import Context

_LONGEST_TITLE: Final = 100
_MOST_OPERATORS: Final = 12
"""Of one expression; both limits are from Google's "Overview of IAM Conditions"."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When a grant counts, in Google's expression language."""

    title: str
    expression: str

    def __post_init__(self) -> None:
        """Refuse what IAM would: titles of more than 100 characters, expressions of more than twelve operators."""
        if not 0 < len(self.title) <= _LONGEST_TITLE:
            raise ValueError(f"a condition's title has {len(self.title)} characters: make it 1 to {_LONGEST_TITLE}")
        operators = len(re.findall(r"&&|\|\||!(?!=)", self.expression))
        if operators > _MOST_OPERATORS:
            raise ValueError(
                f"the condition {self.title!r} has {operators} logical operators, and IAM takes {_MOST_OPERATORS}: "
                "simplify it, or grant twice"
            )


def service_account(
    ctx: Context, base: str, *, description: str, parent: pulumi.Resource
) -> gcp.serviceaccount.Account:
    """An account without keys; nobody can act as it but those whom a membership names."""
    return gcp.serviceaccount.Account(
        base,
        account_id=ctx.name(base, Kind.SERVICE_ACCOUNT),
        display_name=base,
        description=description,
        opts=ctx.child(parent),
    )


def project_member(
    ctx: Context,
    name: str,
    role: pulumi.Input[str],
    member: pulumi.Input[str],
    *,
    parent: pulumi.Resource,
    condition: Condition | None = None,
) -> gcp.projects.IAMMember:
    """`role` on the whole project, or on the part of it that `condition` describes."""
    return gcp.projects.IAMMember(
        name,
        project=ctx.project,
        role=role,
        member=member,
        condition=gcp.projects.IAMMemberConditionArgs(title=condition.title, expression=condition.expression)
        if condition
        else None,
        opts=ctx.child(parent, replace_by_deleting=True),
    )


def secret_reader(
    ctx: Context, name: str, secret: gcp.secretmanager.Secret, member: pulumi.Input[str], *, parent: pulumi.Resource
) -> gcp.secretmanager.SecretIamMember:
    """May read the versions of one secret."""
    return gcp.secretmanager.SecretIamMember(
        name,
        secret_id=secret.secret_id,
        role="roles/secretmanager.secretAccessor",
        member=member,
        opts=ctx.child(parent, deleted_with=secret, replace_by_deleting=True),
    )


def invoker(
    ctx: Context, name: str, service: gcp.cloudrunv2.Service, member: pulumi.Input[str], *, parent: pulumi.Resource
) -> gcp.cloudrunv2.ServiceIamMember:
    """May call one Cloud Run service."""
    return gcp.cloudrunv2.ServiceIamMember(
        name,
        name=service.name,
        location=ctx.region,
        role="roles/run.invoker",
        member=member,
        opts=ctx.child(parent, deleted_with=service, replace_by_deleting=True),
    )


def custom_role(
    ctx: Context, base: str, *, title: str, permissions: Mapping[str, str], parent: pulumi.Resource
) -> gcp.projects.IAMCustomRole:
    """A role of our own in the project, where every predefined one allows too much; `permissions` is name -> why."""
    return gcp.projects.IAMCustomRole(
        base,
        role_id=base.replace("-", "_"),
        title=title,
        permissions=sorted(permissions),
        opts=ctx.child(parent),
    )


__all__ = ["Condition", "custom_role", "invoker", "project_member", "secret_reader", "service_account"]
