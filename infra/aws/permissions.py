"""What the pipelines may do, as tables: deployments, previews.

Pure statements; the roles are in `github.py`, and what keeps one pipeline from what is another's is in `apart.py`. A
policy document holds 6144 characters, so that a deployment's permissions come as several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi

from infra.aws.context import Context
from infra.aws.exports import EXPORTS
from infra.aws.iam import TASKS, Statement

DEPLOY_ROLE: Final = "aex-github-actions-role"
PREVIEW_ROLE: Final = "aex-github-preview-role"
DRIFT_ROLE: Final = "aex-github-drift-role"

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

SERVICE_LINKED: Final = ("ecs", "elasticloadbalancing", "rds", "ecs.application-autoscaling", "wafv2")


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
    """Buckets of stacks, which are told by their name. Exports are a whole exchange's data: emptied, never read."""
    logs, exports = (f"arn:{ctx.partition}:s3:::{name}-*" for name in ("aex-access-logs", EXPORTS))
    return [
        Statement(
            sid="BucketsOfStacks",
            actions=["s3:CreateBucket", "s3:Delete*", "s3:Get*", "s3:List*", "s3:Put*"],
            resources=[logs, exports],
        ),
        Statement(
            sid="NeverExports",
            effect="Deny",
            actions=["s3:GetObject*", "s3:PutObject*"],
            resources=[f"{exports}/*"],
        ),
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

DRIFT: Final[Mapping[str, Sequence[str]]] = {
    "acm": ("Describe*", "List*"),
    "application-autoscaling": ("Describe*", "List*"),
    "budgets": ("Describe*", "List*", "View*"),
    "cloudwatch": _READ,
    "ec2": ("Describe*", "Get*"),
    "ecr": ("Describe*", "GetLifecyclePolicy", "GetRepositoryPolicy", "List*"),
    "ecs": ("Describe*", "List*"),
    "elasticloadbalancing": ("Describe*",),
    "iam": ("GetPolicy*", "GetRole*", "List*"),
    "kms": ("Describe*", "GetKeyPolicy", "GetKeyRotationStatus", "List*"),
    "logs": ("Describe*", "List*"),
    "rds": ("Describe*", "List*"),
    "route53": ("Get*", "List*"),
    "s3": ("GetBucket*", "GetEncryptionConfiguration", "GetLifecycleConfiguration", "ListBucket"),
    "secretsmanager": ("DescribeSecret", "GetResourcePolicy", "ListSecrets"),
    "servicediscovery": _READ,
    "sns": ("Get*", "List*"),
    "wafv2": ("Get*", "List*"),
}
"""Service -> what a comparison with the cloud looks at: settings. No value of a secret, no object, no line of a log."""


def drift_statements() -> list[Statement]:
    """What the nightly comparison may look at."""
    actions = [f"{service}:{action}" for service, each in DRIFT.items() for action in each]
    return [Statement(sid="LookAtSettings", actions=actions, resources=["*"])]


__all__ = [
    "DEPLOY_ROLE",
    "DRIFT",
    "DRIFT_ROLE",
    "MANAGED",
    "PREVIEW",
    "PREVIEW_ROLE",
    "bucket_statements",
    "drift_statements",
    "identity_statements",
    "managed_statements",
    "state_statements",
]
