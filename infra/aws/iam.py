"""IAM documents and roles in one place: how a statement is written, who may assume a role, and the boundary on all.

Statements name actions one by one; `*` as an action is refused here, so that no component can write it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.components.naming import Kind

Texts: TypeAlias = "Sequence[pulumi.Input[str]] | pulumi.Input[str]"
Conditions: TypeAlias = Mapping[str, Mapping[str, Texts]]

VERSION: Final = "2012-10-17"
TASKS: Final = "ecs-tasks.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. `principals` only in trust and resource policies: kind -> who."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    conditions: Conditions = field(default_factory=dict[str, Mapping[str, Texts]])
    principals: Mapping[str, Texts] = field(default_factory=dict[str, Texts])
    effect: str = "Allow"

    def __post_init__(self) -> None:
        """Refuse an action that means everything."""
        if self.effect == "Allow" and "*" in self.actions:
            raise ValueError(f"statement {self.sid} allows every action: name the ones that are needed")

    def rendered(self) -> dict[str, object]:
        """As IAM writes it."""
        parts: dict[str, object] = {"Sid": self.sid, "Effect": self.effect, "Action": list(self.actions)}
        if self.principals:
            parts["Principal"] = dict(self.principals)
        if self.resources:
            parts["Resource"] = list(self.resources)
        if self.conditions:
            parts["Condition"] = {operator: dict(keys) for operator, keys in self.conditions.items()}
        return parts


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """A policy document as JSON text."""
    return pulumi.Output.json_dumps(
        {"Version": VERSION, "Statement": [statement.rendered() for statement in statements]}
    )


def trusted_service(ctx: Context, service: str, source: str) -> Statement:
    """Lets an AWS service assume a role, on behalf of this account's resources `source` only (confused deputy)."""
    return Statement(
        sid="Assume",
        actions=["sts:AssumeRole"],
        principals={"Service": service},
        conditions={
            "StringEquals": {"aws:SourceAccount": ctx.account},
            "ArnLike": {"aws:SourceArn": source},
        },
    )


def trusted_tasks(ctx: Context) -> Statement:
    """Lets tasks of ECS in this account and region assume a role."""
    return trusted_service(ctx, TASKS, ctx.arn("ecs", "*"))


@dataclass(frozen=True, slots=True)
class Role:
    """A role that can be used: `arn` is known only once its policy is attached, so that nothing starts too early."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]


def role(
    ctx: Context,
    name: str,
    *,
    description: str,
    trust: Statement,
    statements: Sequence[Statement],
    parent: pulumi.Resource,
    service: str | None = None,
) -> Role:
    """A role with the account's boundary and, if there are statements, one policy that belongs to it alone."""
    made = aws.iam.Role(
        name,
        name=ctx.name(name, Kind.IAM_ROLE),
        description=description,
        assume_role_policy=document([trust]),
        permissions_boundary=ctx.boundary,
        tags=ctx.tags(service=service),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    ready: list[pulumi.Output[str]] = []
    if statements:
        policy = aws.iam.RolePolicy(
            name,
            name=ctx.name(name, Kind.IAM_POLICY),
            role=made.name,
            policy=document(statements),
            # Not `deleted_with` the role: AWS deletes no role that has a policy.
            opts=pulumi.ResourceOptions(parent=parent),
        )
        ready.append(policy.id)
    return Role(made.name, pulumi.Output.all(made.arn, *ready).apply(lambda found: str(found[0])))


__all__ = ["TASKS", "Conditions", "Role", "Statement", "Texts", "document", "role", "trusted_service", "trusted_tasks"]
