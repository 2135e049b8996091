"""The account's part: one repository, one environment each, and nobody on a pull request near production."""

import fnmatch
import json
from typing import Any

import pytest

from infra.aws.context import Context
from infra.aws.identity import execution_statements
from infra.aws.operations import operations_statements
from infra.components.catalog import CATALOG
from tests.infra.aws import stacks
from tests.infra.aws.stacks import ACCOUNT, REGION
from tests.infra.mocks import Resource, Run

SUBJECTS = {
    # role: what GitHub's token must say, by names and by the ids that never change. A stack on both clouds is deployed
    # by one job, in the environment of the first.
    "aex-github-actions-role": {
        "repo:acme/agent-exchange:environment:aws-production",
        "repo:acme@123/agent-exchange@456:environment:aws-production",
        "repo:acme/agent-exchange:environment:gcp-production",
        "repo:acme@123/agent-exchange@456:environment:gcp-production",
    },
    "aex-github-actions-role-staging": {
        "repo:acme/agent-exchange:environment:aws-staging",
        "repo:acme@123/agent-exchange@456:environment:aws-staging",
        "repo:acme/agent-exchange:environment:gcp-staging",
        "repo:acme@123/agent-exchange@456:environment:gcp-staging",
    },
    "aex-github-preview-role": {
        "repo:acme/agent-exchange:pull_request",
        "repo:acme@123/agent-exchange@456:pull_request",
    },
    "aex-github-drift-role": {
        "repo:acme/agent-exchange:environment:aws-production-drift",
        "repo:acme@123/agent-exchange@456:environment:aws-production-drift",
        "repo:acme/agent-exchange:environment:gcp-production-drift",
        "repo:acme@123/agent-exchange@456:environment:gcp-production-drift",
    },
    "aex-github-drift-role-staging": {
        "repo:acme/agent-exchange:environment:aws-staging-drift",
        "repo:acme@123/agent-exchange@456:environment:aws-staging-drift",
        "repo:acme/agent-exchange:environment:gcp-staging-drift",
        "repo:acme@123/agent-exchange@456:environment:gcp-staging-drift",
    },
}

MASTER = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-1234-AbCdEf"
LOGS, EXPORTS = (f"arn:aws:s3:::{name}-{ACCOUNT}-eu-central-1" for name in ("aex-access-logs", "aex-exports"))
"""Production's, in another region than bootstrap's."""


def statements(run: Run, role: str) -> list[dict[str, Any]]:
    """Everything that a role may do, from its own policy and the attached ones."""
    own = run.one("aws:iam/rolePolicy:RolePolicy", role).inputs["policy"]
    found = json.loads(own)["Statement"]
    attached = [each.inputs for each in run.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")]
    for policy in run.of("aws:iam/policy:Policy"):
        if any(each["role"] == role and each["policyArn"].endswith(f":{policy.name}") for each in attached):
            found += json.loads(policy.inputs["policy"])["Statement"]
    return found


def allowed(run: Run, role: str, action: str, resource: str, environment: str) -> bool:
    """A small model of IAM: explicit denial wins; conditions other than on the tag `environment` are taken as met."""

    def applies(statement: dict[str, Any]) -> bool:
        tag = statement.get("Condition", {}).get("StringEquals", {}).get("aws:ResourceTag/environment")
        return (
            any(fnmatch.fnmatchcase(action, pattern) for pattern in statement["Action"])
            and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement["Resource"])
            and tag in (None, environment)
        )

    matching = [each["Effect"] for each in statements(run, role) if applies(each)]
    return "Allow" in matching and "Deny" not in matching


def state_of(run: Run, stack: str) -> str:
    bucket = run.one("aws:s3/bucket:Bucket")
    return f"arn:aws:s3:{REGION}:{ACCOUNT}:{bucket.name}/.pulumi/stacks/agent-exchange/{stack}.json"


def key_of(run: Run, name: str) -> str:
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:{run.one('aws:kms/key:Key', name).name}"


def test_roles_trust_one_repository_in_one_environment() -> None:
    run = stacks.bootstrap()
    found = {}
    for role in run.of("aws:iam/role:Role"):
        (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert set(trust["Condition"]) == {"StringEquals"}, "a pattern could match somebody else's repository"
        assert trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        found[role.inputs["name"]] = set(trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"])
    assert found == SUBJECTS
    assert not [subject for subjects in found.values() for subject in subjects if "*" in subject]


@pytest.mark.parametrize(
    ("role", "action", "what", "environment", "expected"),
    [
        ("aex-github-preview-role", "s3:GetObject", "state:staging", "bootstrap", True),
        ("aex-github-preview-role", "s3:GetObject", "state:production", "bootstrap", False),
        ("aex-github-preview-role", "s3:GetObject", "state:bootstrap", "bootstrap", False),
        ("aex-github-preview-role", "s3:PutObject", "state:staging", "bootstrap", False),
        ("aex-github-preview-role", "kms:Decrypt", "key:state-staging", "staging", True),
        ("aex-github-preview-role", "kms:Decrypt", "key:state-production", "production", False),
        ("aex-github-preview-role", "secretsmanager:GetSecretValue", "arn:any", "staging", False),
        ("aex-github-preview-role", "ecs:UpdateService", "arn:any", "staging", False),
        ("aex-github-actions-role-staging", "s3:PutObject", "state:staging", "bootstrap", True),
        ("aex-github-actions-role-staging", "s3:GetObject", "state:production", "bootstrap", False),
        ("aex-github-actions-role-staging", "kms:Decrypt", "key:state-production", "production", False),
        ("aex-github-actions-role-staging", "ecs:UpdateService", "arn:any", "staging", True),
        ("aex-github-actions-role-staging", "ecs:UpdateService", "arn:any", "production", False),
        ("aex-github-actions-role-staging", "rds:DeleteDBCluster", "arn:any", "production", False),
        ("aex-github-preview-role", "kms:Encrypt", "key:state-staging", "staging", False),
        ("aex-github-drift-role", "s3:GetObject", "state:production", "bootstrap", True),
        ("aex-github-drift-role", "s3:PutObject", "state:production", "bootstrap", False),
        ("aex-github-drift-role", "s3:GetObject", "state:bootstrap", "bootstrap", False),
        ("aex-github-drift-role", "kms:Decrypt", "key:state-production", "production", True),
        ("aex-github-drift-role", "ecs:DescribeServices", "arn:any", "production", True),
        ("aex-github-drift-role", "ecs:UpdateService", "arn:any", "production", False),
        ("aex-github-drift-role", "secretsmanager:GetSecretValue", "arn:any", "production", False),
        ("aex-github-drift-role", "logs:GetLogEvents", "arn:any", "production", False),
        ("aex-github-drift-role-staging", "s3:GetObject", "state:production", "bootstrap", False),
        ("aex-github-drift-role-staging", "ecs:DescribeServices", "arn:any", "production", False),
        ("aex-github-actions-role-staging", "kms:Encrypt", "key:state-staging", "staging", True),
        # Neither roles that are passed, nor objects, nor AWS's own secrets carry a tag that IAM would look at.
        ("aex-github-actions-role-staging", "iam:PassRole", "role:aex-operations-task-staging", "none", True),
        ("aex-github-actions-role-staging", "iam:PassRole", "role:aex-operations-task", "none", False),
        ("aex-github-actions-role-staging", "iam:PassRole", "role:aex-execution", "none", False),
        ("aex-github-actions-role-staging", "iam:UpdateAssumeRolePolicy", "role:aex-identity-task", "none", False),
        ("aex-github-actions-role-staging", "secretsmanager:GetSecretValue", MASTER, "none", False),
        ("aex-github-actions-role", "secretsmanager:GetSecretValue", MASTER, "none", False),
        ("aex-github-actions-role", "iam:PassRole", "role:aex-operations-task", "production", True),
        ("aex-github-actions-role-staging", "s3:GetObject", f"{LOGS}/alb/x.gz", "none", False),
        ("aex-github-actions-role-staging", "s3:DeleteBucket", LOGS, "none", False),
        ("aex-github-actions-role-staging", "s3:DeleteBucket", f"{LOGS}-staging", "none", True),
        ("aex-github-actions-role-staging", "s3:DeleteBucket", f"{LOGS}-pr-7", "none", True),
        ("aex-github-actions-role", "s3:DeleteBucket", LOGS, "production", True),
        # Exports are a whole exchange's data: a teardown empties the bucket, and no pipeline reads it.
        ("aex-github-actions-role", "s3:DeleteObjectVersion", f"{EXPORTS}/today.jsonl", "none", True),
        ("aex-github-actions-role", "s3:GetObject", f"{EXPORTS}/today.jsonl", "none", False),
        ("aex-github-actions-role", "s3:GetObjectVersion", f"{EXPORTS}/today.jsonl", "none", False),
        ("aex-github-actions-role-staging", "s3:GetObject", f"{EXPORTS}-staging/today.jsonl", "none", False),
        ("aex-github-actions-role-staging", "s3:PutBucketPolicy", f"{EXPORTS}-staging", "none", True),
        ("aex-github-actions-role-staging", "s3:PutBucketPolicy", EXPORTS, "none", False),
        ("aex-github-actions-role-staging", "s3:DeleteObject", f"{EXPORTS}/today.jsonl", "none", False),
        ("aex-github-preview-role", "s3:GetObject", f"{EXPORTS}-staging/today.jsonl", "none", False),
        # The account's own part is people's: no pipeline can change who may do what by way of its state.
        ("aex-github-actions-role", "s3:GetObject", "state:bootstrap", "bootstrap", False),
        ("aex-github-actions-role", "s3:PutObject", "state:bootstrap", "bootstrap", False),
        ("aex-github-actions-role", "s3:DeleteObject", "state:bootstrap", "bootstrap", False),
        ("aex-github-actions-role-staging", "s3:PutObject", "state:bootstrap", "bootstrap", False),
        ("aex-github-actions-role", "s3:PutObject", "state:production", "bootstrap", True),
        ("aex-github-actions-role", "kms:Decrypt", "key:state-production", "production", True),
        ("aex-github-actions-role", "rds:CreateDBCluster", "arn:any", "production", True),
        ("aex-github-actions-role", "iam:PutRolePolicy", "role:aex-github-actions-role", "production", False),
        ("aex-github-actions-role", "iam:PutRolePolicy", "role:aex-identity-task", "production", True),
        ("aex-github-actions-role", "iam:CreateUser", "arn:aws:iam::123456789012:user/x", "production", False),
        ("aex-github-actions-role", "iam:AttachRolePolicy", "role:aex-identity-task", "production", False),
    ],
)
def test_who_may_do_what(role: str, action: str, what: str, environment: str, expected: bool) -> None:
    run = stacks.bootstrap()
    kind, _, name = what.partition(":")
    resource = {
        "state": lambda: state_of(run, name),
        "key": lambda: key_of(run, name),
        "role": lambda: f"arn:aws:iam::{ACCOUNT}:role/{name}",
        "arn": lambda: what,
    }[kind]()
    assert allowed(run, role, action, resource, environment) is expected


def test_roles_can_only_be_made_within_the_boundary() -> None:
    made = [
        each
        for each in statements(stacks.bootstrap(), "aex-github-actions-role")
        if {"iam:CreateRole", "iam:PutRolePolicy"} & set(each["Action"])
    ]
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/aex-boundary"
    assert [each["Condition"] for each in made] == [{"StringEquals": {"iam:PermissionsBoundary": boundary}}]


def test_the_boundary_covers_what_stacks_give_their_roles() -> None:
    (boundary,) = [each for each in stacks.bootstrap().of("aws:iam/policy:Policy") if each.name == "boundary"]
    limits = {action for each in json.loads(boundary.inputs["policy"])["Statement"] for action in each["Action"]}
    given = {
        action
        for name in ("staging", "production", "pr-12")
        for each in stacks.stack(name).of("aws:iam/rolePolicy:RolePolicy")
        for statement in json.loads(each.inputs["policy"])["Statement"]
        for action in statement["Action"]
    }
    assert given <= limits
    assert not [action for action in limits if action.startswith("iam:") or "*" in action]


def test_the_boundary_covers_the_images_and_logs_that_stacks_give_their_roles() -> None:
    """Resources, in whatever region, account and path they are; not only actions."""
    (boundary,) = [each for each in stacks.bootstrap().of("aws:iam/policy:Policy") if each.name == "boundary"]
    limits = json.loads(boundary.inputs["policy"])["Statement"]
    settings = stacks.settings_of(
        "staging", image={**stacks.IMAGES, "registry": "999999999999.dkr.ecr.eu-west-1.amazonaws.com/acme/x"}
    )
    assert settings.aws is not None
    region = "ap-southeast-2"
    ctx = Context(settings=settings, aws=settings.aws, region=region, account=ACCOUNT)
    master = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:rds!cluster-1"
    key = f"arn:aws:kms:{region}:{ACCOUNT}:key/1"
    given = [
        *execution_statements(ctx, CATALOG, key, [f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:aex-mongo-uri-1"]),
        *operations_statements(ctx, [master], key),
    ]
    pairs = [(action, str(each)) for statement in given for action in statement.actions for each in statement.resources]
    assert ("ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:999999999999:repository/acme/x/aex-identity") in pairs
    uncovered = [
        (action, resource)
        for action, resource in pairs
        if not any(
            action in limit["Action"] and any(fnmatch.fnmatchcase(resource, each) for each in limit["Resource"])
            for limit in limits
        )
    ]
    assert uncovered == []


def test_production_is_kept_from_others_by_every_name_that_it_has() -> None:
    (deny,) = [
        each
        for each in statements(stacks.bootstrap(), "aex-github-actions-role-staging")
        if each["Sid"] == "NeverProductionsRoles"
    ]
    names = {f"arn:aws:iam::{ACCOUNT}:role/{each.inputs['name']}" for each in production_roles()}
    assert set(deny["Resource"]) == names


def production_roles() -> list[Resource]:
    return stacks.stack("production").of("aws:iam/role:Role")


def test_documents_fit_into_policies() -> None:
    run = stacks.bootstrap()
    for each in run.of("aws:iam/policy:Policy"):
        assert len("".join(each.inputs["policy"].split())) <= 6144, each.name
    for each in run.of("aws:iam/rolePolicy:RolePolicy"):
        assert len("".join(each.inputs["policy"].split())) <= 10240, each.name


def test_the_state_is_versioned_encrypted_and_reached_by_tls_only() -> None:
    run = stacks.bootstrap()
    assert run.one("aws:s3/bucketVersioning:BucketVersioning").inputs["versioningConfiguration"]["status"] == "Enabled"
    encryption = run.one("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    rule = encryption.inputs["rules"][0]["applyServerSideEncryptionByDefault"]
    assert rule["sseAlgorithm"] == "aws:kms"
    (deny,) = json.loads(run.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert run.one("aws:s3/bucket:Bucket").options.protect
    assert all(each.options.protect for each in run.of("aws:kms/key:Key"))


def test_an_account_that_has_githubs_provider_keeps_it() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    run = stacks.bootstrap(arn)
    assert run.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == []
    for role in run.of("aws:iam/role:Role"):
        assert arn in role.inputs["assumeRolePolicy"]
