"""Who may do what on AWS: policy documents, roles and what they trust. Key policies of KMS are judged in encryption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from infra.config import Environment
from infra.policy.model import About, Place, Resource, Stack, resource_rule
from infra.policy.statements import Statement, statements

_DOCUMENTS: Final = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
}
_RESOURCE_POLICIES: Final = {
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
    "aws:kms/key:Key": "policy",
}
_NO_RESOURCE_LEVEL: Final = frozenset(
    {
        "ecr:GetAuthorizationToken",
        "logs:DescribeLogGroups",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
        "cloudwatch:PutMetricData",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "sts:GetCallerIdentity",
    }
)
"""Actions that AWS cannot limit to a resource (Service Authorization Reference, 2026-11)."""
_ESCALATIONS: Final = (
    "iam:PassRole", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:AttachUserPolicy",
    "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:PutUserPolicy", "iam:PutGroupPolicy", "iam:PutRolePolicy",
    "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole",
)  # fmt: skip
"""With any of these on everything, an identity can become any other (Checkov's list, CKV_AWS_286)."""
_ALMIGHTY: Final = frozenset({"AdministratorAccess", "PowerUserAccess", "IAMFullAccess"})
_READS: Final = re.compile(r"[a-z0-9-]+:(Batch(Get|Check)|Describe|Get|List|View|Lookup|Filter|Select)[A-Za-z]*\*?")
_ENVIRONMENTS_WITH_BOUNDARY: Final = frozenset(Environment) - {Environment.BOOTSTRAP}


@resource_rule(
    About(
        id="aws-iam-all-actions",
        place=Place.AWS,
        reason="an identity that may do everything of a service is as good as that service's administrator",
        remedy="name the actions, or their verbs (`ecs:Describe*`)",
        checkov=("CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_286", "CKV_AWS_287", "CKV_AWS_288", "CKV_AWS_289"),
    ),
    *_DOCUMENTS,
)
def all_actions(resource: Resource, _: Stack) -> Iterator[str]:
    """No statement allows every action, of all services or of one."""
    for statement in _allowing(resource):
        broad = [action for action in statement.actions if action == "*" or action.endswith(":*")]
        if broad:
            yield f"statement {statement.sid} allows {', '.join(broad)}"


@resource_rule(
    About(
        id="aws-iam-all-resources",
        place=Place.AWS,
        reason="an identity that may change everything can change what is another stack's, or the account's",
        remedy="name the resources, or add a condition",
        checkov=("CKV_AWS_290", "CKV_AWS_355"),
    ),
    *_DOCUMENTS,
)
def all_resources(resource: Resource, _: Stack) -> Iterator[str]:
    """`*` as a resource is for actions that have none, and never for secrets and changes."""
    for statement in _allowing(resource):
        if "*" not in statement.resources or statement.conditional:
            continue
        limited = [action for action in statement.actions if action not in _NO_RESOURCE_LEVEL]
        changing = [action for action in limited if not _READS.fullmatch(action) or "GetSecretValue" in action]
        if changing:
            yield f"statement {statement.sid} allows {', '.join(changing[:5])} on everything"


@resource_rule(
    About(
        id="aws-iam-escalation",
        place=Place.AWS,
        reason="whoever may hand out or change any identity can become any of them",
        remedy="name the roles, or require a permissions boundary in a condition",
        checkov=("CKV_AWS_286", "CKV_AWS_289"),
    ),
    *_DOCUMENTS,
)
def escalation(resource: Resource, _: Stack) -> Iterator[str]:
    """Nobody may become anybody."""
    for statement in _allowing(resource):
        if "*" not in statement.resources or statement.conditional:
            continue
        ways = [action for action in _ESCALATIONS if statement.allows(action)]
        if ways:
            yield f"statement {statement.sid} allows {', '.join(ways[:3])} on everything"


@resource_rule(
    About(
        id="aws-iam-managed-admin",
        place=Place.AWS,
        reason="AWS's own administrator policies grow with every new service",
        remedy="attach a policy that names what is needed",
        checkov=("CKV_AWS_274", "CKV_AWS_275"),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
)
def managed_admin(resource: Resource, _: Stack) -> Iterator[str]:
    """No administrator policies of AWS."""
    name = resource.properties.text("policyArn").rpartition("/")[2]
    if name in _ALMIGHTY:
        yield f"{name} is attached"


@resource_rule(
    About(
        id="aws-role-trust",
        place=Place.AWS,
        reason="a role that anybody may assume belongs to anybody",
        remedy="name the service or the identity provider that may assume it",
        checkov=("CKV_AWS_60", "CKV_AWS_61"),
    ),
    "aws:iam/role:Role",
)
def role_trust(resource: Resource, _: Stack) -> Iterator[str]:
    """Roles trust a service or an identity provider, never everybody and never a whole account."""
    for statement in statements(resource.properties, "assumeRolePolicy"):
        trusted = statement.principals("AWS")
        if statement.effect == "Allow" and any(each == "*" or each.endswith(":root") for each in trusted):
            yield f"statement {statement.sid} lets {', '.join(trusted)} assume the role"


@resource_rule(
    About(
        id="aws-role-boundary",
        place=Place.AWS,
        reason="a pipeline makes roles, and without the boundary it could make one that may do more than itself",
        remedy="set permissionsBoundary to the boundary of stack bootstrap",
        environments=_ENVIRONMENTS_WITH_BOUNDARY,
    ),
    "aws:iam/role:Role",
)
def role_boundary(resource: Resource, _: Stack) -> Iterator[str]:
    """Roles of stacks stay within the boundary."""
    if not resource.properties.has("permissionsBoundary"):
        yield "the role has no permissions boundary"


@resource_rule(
    About(
        id="aws-resource-policy-public",
        place=Place.AWS,
        reason="what a resource's own policy grants to everybody is public",
        remedy="name the principal, or limit it by aws:SourceArn, aws:SourceAccount or aws:PrincipalAccount",
        checkov=("CKV_AWS_32", "CKV_AWS_33", "CKV_AWS_70", "CKV_AWS_169"),
    ),
    *_RESOURCE_POLICIES,
)
def resource_policy_public(resource: Resource, _: Stack) -> Iterator[str]:
    """No resource lets everybody in."""
    for statement in statements(resource.properties, _RESOURCE_POLICIES[resource.type]):
        anybody = "*" in statement.principals("AWS")
        if statement.effect == "Allow" and anybody and not statement.conditional:
            yield f"statement {statement.sid} is open to everybody"


@resource_rule(
    About(
        id="aws-endpoint-limited",
        place=Place.AWS,
        reason="an endpoint that leads to every bucket is a way out of the network for data, past every other rule",
        remedy="give the endpoint a policy that names the buckets",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint",
)
def endpoint_limited(resource: Resource, _: Stack) -> Iterator[str]:
    """The way to S3 leads to named buckets only; interface endpoints have a security group."""
    if resource.properties.text("vpcEndpointType") not in ("", "Gateway"):
        return
    if not resource.properties.has("policy"):
        yield "the endpoint leads to everything"
    for statement in statements(resource.properties, "policy"):
        if statement.effect == "Allow" and "*" in statement.resources:
            yield f"statement {statement.sid} leads to everything"


@resource_rule(
    About(
        id="aws-no-users",
        place=Place.AWS,
        reason="keys of users never expire, and are found in files",
        remedy="use a role that a service or a pipeline assumes",
        checkov=("CKV_AWS_273",),
    ),
    "aws:iam/user:User",
    "aws:iam/accessKey:AccessKey",
)
def no_users(_resource: Resource, _: Stack) -> Iterator[str]:
    """No long-lived keys."""
    yield "an IAM user or access key is declared"


def _allowing(resource: Resource) -> list[Statement]:
    found = statements(resource.properties, _DOCUMENTS[resource.type])
    return [statement for statement in found if statement.effect == "Allow"]


RULES = (
    all_actions,
    all_resources,
    escalation,
    managed_admin,
    role_trust,
    role_boundary,
    resource_policy_public,
    endpoint_limited,
    no_users,
)
