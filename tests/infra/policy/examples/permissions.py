"""Permissions on both clouds, and trust in pipelines."""

from typing import Any

from infra.policy.model import Resource
from tests.infra.policy.building import Example, allow, made, policy, stack

POLICY = "aws:iam/policy:Policy"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ROLE = "aws:iam/role:Role"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
MEMBER = "gcp:projects/iAMMember:IAMMember"
ACCOUNT_MEMBER = "gcp:serviceaccount/iAMMember:IAMMember"
PROVIDER = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
RUN = "gcp:cloudrunv2/service:Service"
JOB = "gcp:cloudrunv2/job:Job"

HERE = "arn:aws:s3:::aex-logs/*"
CONDITION: dict[str, Any] = {"Condition": {"StringEquals": {"aws:ResourceTag/project": "agent-exchange"}}}
ISSUER = "token.actions.githubusercontent.com"
NAMES = "repo:acme/agent-exchange:environment:aws-staging"
NUMBERS = "repo:acme@123/agent-exchange@456:environment:aws-staging"
POOL = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github"
NUMBERED = "assertion.repository_id == '456' && assertion.repository_owner_id == '123'"


def document(*statements: dict[str, Any]) -> Resource:
    return made(ROLE_POLICY, policy=policy(*statements))


def role(**principal: Any) -> Resource:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return made(ROLE, assumeRolePolicy=policy(statement))


def github(subjects: Any, operator: str = "StringEquals", audience: str | None = "sts.amazonaws.com") -> Resource:
    conditions: dict[str, dict[str, Any]] = {operator: {f"{ISSUER}:sub": subjects}}
    if audience:
        conditions.setdefault("StringEquals", {})[f"{ISSUER}:aud"] = audience
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/github"},
        "Condition": conditions,
    }
    return made(ROLE, assumeRolePolicy=policy(statement))


def member(name: str, **more: Any) -> Resource:
    properties: dict[str, Any] = {"role": name, "member": "serviceAccount:a@b.iam.gserviceaccount.com", **more}
    return made(MEMBER, **properties)


def provider(condition: str | None) -> Resource:
    properties: dict[str, Any] = {"attributeCondition": condition} if condition else {}
    return made(PROVIDER, **properties)


def bound(member: str) -> Resource:
    return made(ACCOUNT_MEMBER, role="roles/iam.workloadIdentityUser", member=member)


EXAMPLES = (
    Example(
        "aws-iam-all-actions",
        good=[document(allow("s3:GetObject", HERE)), document({"Effect": "Deny", "Action": "*", "Resource": "*"})],
        bad=[
            document(allow("*", HERE)),
            document(allow(["s3:GetObject", "iam:*"], HERE)),
            made(POLICY, policy=policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": HERE})),
        ],
    ),
    Example(
        "aws-iam-all-resources",
        good=[
            document(allow(["ecr:GetAuthorizationToken", "logs:DescribeLogGroups", "ecs:ListTasks"])),
            document(allow("ecs:UpdateService", **CONDITION)),
            document(allow("s3:PutObject", HERE)),
        ],
        bad=[
            document(allow(["s3:PutObject"])),
            document(allow("secretsmanager:GetSecretValue")),
            made(POLICY, policy=policy({"Effect": "Allow", "Action": "ecs:RunTask", "NotResource": HERE})),
        ],
    ),
    Example(
        "aws-iam-escalation",
        good=[document(allow("iam:PassRole", "arn:aws:iam::1:role/aex-*")), document(allow("iam:GetRole"))],
        bad=[document(allow("iam:PassRole")), document(allow("iam:Put*")), document(allow("sts:AssumeRole"))],
    ),
    Example(
        "aws-iam-managed-admin",
        good=[made(ATTACHMENT, policyArn="arn:aws:iam::1:policy/aex-deploy-data")],
        bad=[made(ATTACHMENT, policyArn="arn:aws:iam::aws:policy/AdministratorAccess")],
    ),
    Example(
        "aws-role-trust",
        good=[role(Service="ecs-tasks.amazonaws.com")],
        bad=[
            role(AWS="*"),
            role(AWS=["arn:aws:iam::1:root"]),
            made(ROLE, assumeRolePolicy=policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"})),
        ],
    ),
    Example(
        "aws-role-boundary",
        good=[made(ROLE, permissionsBoundary="arn:aws:iam::1:policy/aex-boundary")],
        bad=[made(ROLE)],
    ),
    Example("aws-role-boundary", good=[made(ROLE)], bad=[], within=stack("bootstrap")),
    Example(
        "aws-resource-policy-public",
        good=[
            made(BUCKET_POLICY, policy=policy(allow("s3:PutObject", HERE, Principal={"Service": "logs"}))),
            made(BUCKET_POLICY, policy=policy(allow("s3:PutObject", HERE, Principal="*", **CONDITION))),
            made(
                "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
                policyDocument=policy(allow("logs:PutLogEvents", Principal={"Service": "delivery"})),
            ),
        ],
        bad=[
            made(BUCKET_POLICY, policy=policy(allow("s3:GetObject", HERE, Principal="*"))),
            made("aws:kms/key:Key", policy=policy(allow("kms:Decrypt", Principal={"AWS": "*"}))),
        ],
    ),
    Example(
        "aws-endpoint-limited",
        good=[
            made(ENDPOINT, vpcEndpointType="Gateway", policy=policy(allow("s3:GetObject", HERE))),
            made(ENDPOINT, vpcEndpointType="Interface"),
        ],
        bad=[
            made(ENDPOINT, vpcEndpointType="Gateway"),
            made(ENDPOINT, vpcEndpointType="Gateway", policy=policy(allow("s3:GetObject"))),
        ],
    ),
    Example("aws-no-users", good=[made(ROLE)], bad=[made("aws:iam/user:User"), made("aws:iam/accessKey:AccessKey")]),
    Example(
        "gcp-basic-role",
        good=[member("roles/run.admin")],
        bad=[
            member("roles/owner"),
            member("roles/editor"),
            made("gcp:projects/iAMBinding:IAMBinding", role="roles/viewer"),
        ],
    ),
    Example(
        "gcp-impersonation",
        good=[
            member("roles/run.admin"),
            made(ACCOUNT_MEMBER, role="roles/iam.serviceAccountTokenCreator", member="serviceAccount:a"),
        ],
        bad=[member("roles/iam.serviceAccountTokenCreator"), member("roles/iam.serviceAccountUser")],
    ),
    Example(
        "gcp-limited-grants",
        good=[
            member(
                "roles/resourcemanager.projectIamAdmin",
                condition={
                    "title": "some",
                    "expression": "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['r'])",
                },
            )
        ],
        bad=[member("roles/resourcemanager.projectIamAdmin")],
    ),
    Example(
        "gcp-default-account",
        good=[
            member("roles/run.admin"),
            made(RUN, template={"serviceAccount": "aex-identity@p.iam.gserviceaccount.com"}),
            made(JOB, template={"template": {"serviceAccount": "aex-operations@p.iam.gserviceaccount.com"}}),
        ],
        bad=[
            member("roles/run.admin", member="serviceAccount:1-compute@developer.gserviceaccount.com"),
            made(RUN, template={}),
            made(JOB, template={"template": {"serviceAccount": "p@appspot.gserviceaccount.com"}}),
        ],
    ),
    Example("gcp-no-account-keys", good=[member("roles/run.admin")], bad=[made("gcp:serviceaccount/key:Key")]),
    Example(
        "aws-github-trust",
        good=[
            github([NAMES, NUMBERS]),
            github([NAMES, NUMBERS, *(each.replace(":aws-", ":gcp-") for each in (NAMES, NUMBERS))]),
            role(Service="ecs-tasks.amazonaws.com"),
        ],
        bad=[
            github([NAMES]),
            github([NAMES, NUMBERS, NAMES.replace(":aws-", ":gcp-")]),
            github([NUMBERS]),
            github([NAMES, NUMBERS], audience=None),
            github([NAMES, NUMBERS], audience="https://github.com/acme"),
            github([NAMES, NUMBERS], operator="StringLike"),
            github(["repo:acme/agent-exchange:*", NUMBERS]),
            github(["repo:acme/agent-exchange:ref:refs/heads/main", NUMBERS]),
            github([NAMES, NUMBERS.replace("staging", "production")]),
            github([NAMES, NUMBERS, *(each.replace("staging", "production") for each in (NAMES, NUMBERS))]),
        ],
    ),
    Example(
        "gcp-github-trust",
        good=[provider(NUMBERED)],
        bad=[
            provider(None),
            provider("assertion.repository == 'acme/agent-exchange'"),
            provider("assertion.repository_id == '456'"),
            provider(NUMBERED.replace("&&", "||")),
        ],
    ),
    Example(
        "gcp-github-binding",
        good=[
            bound(f"{POOL}/attribute.environment/gcp-staging"),
            bound(f"{POOL}/attribute.event_name/pull_request"),
            made(ACCOUNT_MEMBER, role="roles/iam.serviceAccountUser", member="serviceAccount:a"),
        ],
        bad=[
            bound(f"{POOL}/*"),
            bound(f"{POOL}/attribute.repository_id/456"),
            bound(f"{POOL}/attribute.event_name/push"),
        ],
    ),
)
