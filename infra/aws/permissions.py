"""What the pipelines may do, as tables: the boundary of every role that a stack creates, deployments, previews.

Pure statements; the roles are in `github.py`. A policy document holds 6144 characters, so that a deployment's
permissions come as several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi

from infra.aws.context import Context
from infra.aws.iam import TASKS, Statement
from infra.aws.identity import OPERATIONS
from infra.aws.state import state_objects
from infra.components.catalog import CATALOG

DEPLOY_ROLE: Final = "aex-github-actions-role"
PREVIEW_ROLE: Final = "aex-github-preview-role"

_READ: Final = ("Describe*", "Get*", "List*")

MANAGED: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "network": {
        "ec2": (
            "Accept*", "Allocate*", "Associate*", "Attach*", "Authorize*", "Create*", "Delete*", "Describe*", "Detach*",
            "Disassociate*", "Get*", "Modify*", "Release*", "Replace*", "Revoke*",
        ),
        "elasticloadbalancing": ("Add*", "Create*", "Delete*", "Describe*", "Modify*", "Register*", "Remove*", "Set*"),
        "acm": ("AddTags*", "Delete*", "Describe*", "List*", "RemoveTags*", "Request*"),
        "route53": ("Change*", "Get*", "List*"),
        "wafv2": (
            "Associate*", "Create*", "Delete*", "Disassociate*", "Get*", "List*", "Put*", "Tag*", "Untag*", "Update*",
        ),
        "servicediscovery": ("Create*", "Delete*", *_READ, "Tag*", "Untag*", "Update*"),
    },
    "compute": {
        "ecs": (
            "Create*", "Delete*", "Deregister*", "Describe*", "List*", "Put*", "Register*", "Run*", "Stop*", "Tag*",
            "Untag*", "Update*",
        ),
        "ecr": (
            "BatchCheck*", "BatchGet*", "Complete*", "Create*", "Delete*", *_READ, "Initiate*", "Put*", "Set*", "Tag*",
            "Untag*", "Upload*",
        ),
        "application-autoscaling": (
            "Delete*", "Deregister*", "Describe*", "List*", "Put*", "Register*", "Tag*", "Untag*",
        ),
    },
    "data": {
        "rds": ("Add*", "Create*", "Delete*", "Describe*", "List*", "Modify*", "Reboot*", "Remove*", "Restore*"),
        "secretsmanager": (
            "Create*", "Delete*", "Describe*", "Get*", "List*", "Put*", "Restore*", "Tag*", "Untag*", "Update*",
        ),
        "kms": (
            "Create*", "Decrypt", "Delete*", *_READ, "Enable*", "Encrypt", "GenerateDataKey*", "Put*", "ReEncrypt*",
            "Retire*", "Schedule*", "Tag*", "Untag*", "Update*",
        ),
    },
    "watching": {
        "logs": ("Associate*", "Create*", "Delete*", *_READ, "Disassociate*", "Put*", "Tag*", "Untag*", "Update*"),
        "cloudwatch": ("Delete*", *_READ, "Put*", "Tag*", "Untag*"),
        "sns": ("Create*", "Delete*", "Get*", "List*", "Set*", "Subscribe", "Tag*", "Unsubscribe", "Untag*"),
        "budgets": ("Create*", "Delete*", "Describe*", "List*", "Modify*", "Tag*", "Untag*", "Update*", "View*"),
    },
}  # fmt: skip
"""Policy -> service -> actions (with the service's prefix left out). Names of resources are not known for most of these
before they exist; the tag of the environment divides them (`deploy_limits`)."""

_DIRECTIONS: Final = (
    "central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west",
)  # fmt: skip
"""The middle of names of regions."""

SERVICE_LINKED: Final = ("ecs", "elasticloadbalancing", "rds", "ecs.application-autoscaling", "wafv2")


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
    ]


def managed_statements(name: str) -> list[Statement]:
    """One of the policies of a deployment."""
    return [
        Statement(
            sid="".join(part.capitalize() for part in service.split("-")),
            actions=[f"{service}:{action}" for action in actions],
            resources=["*"],
        )
        for service, actions in MANAGED[name].items()
    ]


def identity_statements(ctx: Context) -> list[Statement]:
    """Roles of stacks: only with the boundary, never the pipelines' own."""
    roles = f"arn:{ctx.partition}:iam::{ctx.account}:role/aex-*"
    bounded = {"StringEquals": {"iam:PermissionsBoundary": ctx.boundary}}
    return [
        Statement(
            sid="RolesWithinTheBoundary",
            actions=[
                "iam:CreateRole",
                "iam:DeleteRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
            ],
            resources=[roles],
            conditions=bounded,
        ),
        Statement(
            sid="RolesOfStacks",
            actions=[
                "iam:DeleteRole",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListInstanceProfilesForRole",
                "iam:ListRolePolicies",
                "iam:ListRoleTags",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            resources=[roles],
        ),
        Statement(
            sid="HandRolesToTasks",
            actions=["iam:PassRole"],
            resources=[roles],
            conditions={"StringEquals": {"iam:PassedToService": [TASKS, "vpc-flow-logs.amazonaws.com"]}},
        ),
        Statement(
            sid="ServiceLinkedRoles",
            actions=["iam:CreateServiceLinkedRole"],
            resources=[f"arn:{ctx.partition}:iam::{ctx.account}:role/aws-service-role/*"],
            conditions={"StringEquals": {"iam:AWSServiceName": [f"{name}.amazonaws.com" for name in SERVICE_LINKED]}},
        ),
        Statement(
            sid="NeverThePipelinesOwn",
            effect="Deny",
            actions=["iam:*"],
            resources=[f"arn:{ctx.partition}:iam::{ctx.account}:role/aex-github-*", ctx.boundary],
        ),
        Statement(
            # AWS makes and rotates them; the operations task alone reads them.
            sid="NeverTheMasterPassword",
            effect="Deny",
            actions=["secretsmanager:GetSecretValue"],
            resources=[f"arn:{ctx.partition}:secretsmanager:*:{ctx.account}:secret:rds!cluster-*"],
        ),
        Statement(
            sid="NeverWithoutTheBoundary",
            effect="Deny",
            actions=["iam:DeleteRolePermissionsBoundary"],
            resources=["*"],
        ),
    ]


def bucket_statements(ctx: Context) -> list[Statement]:
    """Buckets of stacks, which are told by their name."""
    logs = f"arn:{ctx.partition}:s3:::aex-access-logs-*"
    return [
        Statement(
            sid="AccessLogBuckets",
            actions=["s3:CreateBucket", "s3:Delete*", "s3:Get*", "s3:List*", "s3:Put*"],
            resources=[logs],
        )
    ]


def state_statements(
    bucket: pulumi.Input[str], key: pulumi.Input[str], bucket_key: pulumi.Input[str], *, write: bool
) -> list[Statement]:
    """The state of stacks: objects in `bucket`, encrypted by it with `bucket_key`; secrets inside with `key`."""
    actions = ["s3:GetObject", *(["s3:DeleteObject", "s3:PutObject"] if write else [])]
    secrets = ["kms:Decrypt", "kms:DescribeKey", *(["kms:Encrypt"] if write else [])]
    return [
        Statement(sid="FindStates", actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[bucket]),
        Statement(sid="States", actions=actions, resources=[pulumi.Output.concat(bucket, "/.pulumi/*")]),
        Statement(sid="SecretsInStates", actions=secrets, resources=[key]),
        Statement(
            # The bucket's own encryption, which says nothing about the secrets inside an object.
            sid="ObjectsOfTheBucket",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[bucket_key],
            conditions={
                "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, pulumi.Output.concat(bucket, "/*")]}
            },
        ),
    ]


def not_production(bucket: pulumi.Input[str]) -> list[Statement]:
    """What keeps an identity away from production: its state, and everything that carries its tag."""
    return [
        Statement(
            sid="NeverProductionsState",
            effect="Deny",
            actions=["s3:*"],
            resources=[*state_objects(bucket, "production"), *state_objects(bucket, "bootstrap")],
        ),
        Statement(
            sid="NeverProduction",
            effect="Deny",
            actions=["*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:ResourceTag/environment": "production"}},
        ),
    ]


def not_productions_names(ctx: Context) -> list[Statement]:
    """What keeps a deployment away from production where AWS does not look at tags: production's names are bare."""
    roles = ["aex-execution", "aex-flow-logs", *(f"{service}-task" for service in (*CATALOG.names, OPERATIONS))]
    # With a hyphen and a number every region ends, and nothing that a stack's name is appended to.
    regions = (f"??-{where}-?" for where in (*_DIRECTIONS, "gov-east", "gov-west"))
    buckets = [f"arn:{ctx.partition}:s3:::aex-access-logs-{ctx.account}-{region}" for region in regions]
    return [
        Statement(
            sid="NeverProductionsRoles",
            effect="Deny",
            actions=["iam:*"],
            resources=[f"arn:{ctx.partition}:iam::{ctx.account}:role/{name}" for name in roles],
        ),
        Statement(
            sid="NeverProductionsAccessLogs",
            effect="Deny",
            actions=["s3:*"],
            resources=[*buckets, *(f"{bucket}/*" for bucket in buckets)],
        ),
    ]


PREVIEW: Final = (
    "ec2:DescribeAvailabilityZones",
    "route53:GetHostedZone",
    "route53:ListHostedZones",
    "route53:ListHostedZonesByName",
    "route53:ListTagsForResource",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetResourcePolicy",
)
"""What the program looks up while it is previewed. No value of a secret is among it."""

__all__ = [
    "DEPLOY_ROLE",
    "MANAGED",
    "PREVIEW",
    "PREVIEW_ROLE",
    "boundary_statements",
    "bucket_statements",
    "identity_statements",
    "managed_statements",
    "not_production",
    "not_productions_names",
    "state_statements",
]
