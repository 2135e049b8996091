"""The permissions boundary: the most that any role of any stack can ever do, whatever its own policy says.

Pure statements; bootstrap makes the policy once per account (`github.py`), and every role of a stack carries it
(`iam.py`). Wider than any single role, of whatever region and name; nothing in it lets a role help itself.
"""

from __future__ import annotations

from infra.aws.context import Context
from infra.aws.exports import EXPORTS
from infra.aws.iam import Statement


def boundary_statements(ctx: Context) -> list[Statement]:
    """The most that any role of a stack can ever do, whatever its own policy says."""
    return [
        Statement(
            sid="OwnImagesLogsAndSecrets",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
                "secretsmanager:GetSecretValue",
            ],
            resources=[
                # Of any region, path and account: `image.registry` may be somebody else's, and roles name repositories.
                f"arn:{ctx.partition}:ecr:*:*:repository/*",
                f"arn:{ctx.partition}:logs:*:{ctx.account}:log-group:*agent-exchange*",
                f"arn:{ctx.partition}:secretsmanager:*:{ctx.account}:secret:aex-*",
                # What DocumentDB keeps its master passwords in.
                f"arn:{ctx.partition}:secretsmanager:*:{ctx.account}:secret:rds!cluster-*",
            ],
        ),
        Statement(
            sid="WhatHasNoResource",
            actions=[
                "ecr:GetAuthorizationToken",
                "logs:DescribeLogGroups",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            resources=["*"],
        ),
        Statement(
            sid="KeysOfTheExchange",
            actions=["kms:Decrypt"],
            resources=[f"arn:{ctx.partition}:kms:*:{ctx.account}:key/*"],
            conditions={"StringEquals": {"aws:ResourceTag/project": "agent-exchange"}},
        ),
        Statement(
            # AWS's own key, which the database's master password is encrypted with.
            sid="SecretsOfTheDatabase",
            actions=["kms:Decrypt"],
            resources=[f"arn:{ctx.partition}:kms:*:{ctx.account}:key/*"],
            conditions={"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
        ),
        *_exports(ctx),
    ]


def _exports(ctx: Context) -> list[Statement]:
    """Of this account's own exports; the key's tag limits reading them, above."""
    buckets = f"arn:{ctx.partition}:s3:::{EXPORTS}-{ctx.account}-*"
    return [
        Statement(
            sid="OwnExports",
            actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            resources=[buckets, f"{buckets}/*"],
        ),
        Statement(
            sid="EncryptExports",
            actions=["kms:GenerateDataKey"],
            resources=[f"arn:{ctx.partition}:kms:*:{ctx.account}:key/*"],
            conditions={
                "StringEquals": {"aws:ResourceTag/project": "agent-exchange"},
                "StringLike": {"kms:ViaService": "s3.*.amazonaws.com"},
            },
        ),
    ]


__all__ = ["boundary_statements"]
