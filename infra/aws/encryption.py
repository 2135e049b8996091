"""One key per stack for everything at rest that takes a customer's key: database, secrets, images, logs, alarms.

Owns the key, its alias and who may use it through which service. Load balancer access logs are the exception: AWS
writes them only with its own S3 encryption.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.aws.iam import Statement, document
from infra.components.naming import Kind

_USE = ("kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")


class Encryption(pulumi.ComponentResource):
    """The stack's key."""

    key: aws.kms.Key
    arn: pulumi.Output[str]

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the key, rotated every year."""
        super().__init__("agent-exchange:aws:Encryption", "encryption", None, opts)
        self.key = aws.kms.Key(
            "key",
            description=f"Agent Exchange, stack {ctx.stack}: data at rest",
            enable_key_rotation=True,
            # The longest and the shortest that AWS has. What is in waiting costs nothing and blocks nothing.
            deletion_window_in_days=30 if ctx.protect else 7,
            policy=document(_statements(ctx)),
            tags=ctx.tags(name="aex"),
            opts=ctx.stateful(self),
        )
        aws.kms.Alias(
            "alias",
            name=ctx.name("alias/aex", Kind.KMS_ALIAS),
            target_key_id=self.key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = self.key.arn
        self.register_outputs({"arn": self.arn})


def _statements(ctx: Context) -> list[Statement]:
    """A key's policy: `Resource: *` means this key."""
    return [
        Statement(
            sid="AccountDecidesByIam",
            actions=["kms:*"],
            resources=["*"],
            principals={"AWS": f"arn:{ctx.partition}:iam::{ctx.account}:root"},
        ),
        Statement(
            sid="LogGroupsOfThisAccount",
            actions=_USE,
            resources=["*"],
            principals={"Service": f"logs.{ctx.region}.amazonaws.com"},
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": ctx.arn("logs", "log-group:*")}},
        ),
        Statement(
            # An alarm or a budget that may not use the key reaches nobody, and nothing says so.
            sid="AlarmsAndBudgetsPublish",
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            principals={"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": ctx.account}},
        ),
    ]


__all__ = ["Encryption"]
