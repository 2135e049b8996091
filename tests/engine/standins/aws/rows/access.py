"""IAM, KMS, Secrets Manager."""

from __future__ import annotations

from typing import Any

from infra.components.protocol import ProviderError
from tests.engine.standins.aws import guards
from tests.engine.standins.aws.kind import Also, AwsKind, Call, Facts, Row
from tests.engine.standins.traits import Name, Traits, Within, fixed

_IAM_NAME = r"[\w+=,.@-]+"


def _delete_secret(kind: AwsKind, facts: Facts) -> None:
    window: Any = facts.get("recoveryWindowInDays", 30)
    how = {"RecoveryWindowInDays": window} if window else {"ForceDeleteWithoutRecovery": True}
    kind.call("delete_secret", SecretId=facts["id"], **how)


def _key_is_usable(kind: AwsKind, facts: Facts) -> None:
    key = facts.get("kmsKeyId")
    if key and kind.call("describe_key", "kms", KeyId=key)["KeyMetadata"]["KeyState"] != "Enabled":
        raise ProviderError(f"{kind.token}: KMSInvalidStateException: {key} is not enabled")


def _older_versions_stay(kind: AwsKind, facts: Facts) -> None:
    """The provider forgets the version before (`retain_on_delete`), for tasks that pin it; it goes with the secret."""
    for thing in kind.world.things(kind.token):
        if thing.inputs["secretId"] == facts["secretId"]:
            thing.abandoned = True


ROWS = {
    "aws:iam/role:Role": Row(
        service="iam",
        create=Call("create_role", {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}),
        id="Role.RoleName",
        before_create=guards.role_is_possible,
        read=("get_role", {"RoleName": "{id}"}, "Role"),
        also=(
            Also(
                ["assumeRolePolicy"],
                Call(
                    "update_assume_role_policy",
                    {"assumeRolePolicy": "PolicyDocument"},
                    only=["assumeRolePolicy"],
                    more={"RoleName": "{id}"},
                ),
                at_creation=False,
            ),
        ),
        update=Call("update_role", more={"RoleName": "{id}"}),
        delete=("delete_role", {"RoleName": "{id}"}),
        outputs={"arn": "Arn", "name": "RoleName", "uniqueId": "RoleId"},
        traits=Traits(name=Name(pattern=_IAM_NAME, limit=64), replace_on=fixed("name", "path")),
    ),
    "aws:iam/rolePolicy:RolePolicy": Row(
        service="iam",
        create=Call("put_role_policy", {"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"}),
        id="{role}:{name}",
        read=("get_role_policy", {"RoleName": "{role}", "PolicyName": "{name}"}, "@"),
        update=Call("put_role_policy", {"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"}),
        whole=True,
        delete=("delete_role_policy", {"RoleName": "{role}", "PolicyName": "{name}"}),
        traits=Traits(name=Name(pattern=_IAM_NAME, limit=128), replace_on=fixed("name", "role")),
    ),
    "aws:iam/policy:Policy": Row(
        service="iam",
        create=Call("create_policy", {"name": "PolicyName", "policy": "PolicyDocument"}),
        id="Policy.Arn",
        read=("get_policy", {"PolicyArn": "{id}"}, "Policy"),
        update=Call(
            "create_policy_version", {"policy": "PolicyDocument"}, more={"PolicyArn": "{id}", "SetAsDefault": True}
        ),
        delete=("delete_policy", {"PolicyArn": "{id}"}),
        outputs={"arn": "Arn"},
        before_delete=guards.policy_is_detached,
        traits=Traits(name=Name(pattern=_IAM_NAME, limit=128), replace_on=fixed("name", "path", "description")),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Row(
        service="iam",
        create=Call("attach_role_policy", {"role": "RoleName"}),
        id="{role}-{policyArn}",
        read=(
            "list_attached_role_policies",
            {"RoleName": "{role}"},
            "AttachedPolicies[?PolicyArn=='<policyArn>']|[0]",
        ),
        delete=("detach_role_policy", {"RoleName": "{role}", "PolicyArn": "{policyArn}"}),
        traits=Traits(replace_on=fixed("role", "policyArn")),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Row(
        service="iam",
        create=Call("create_open_id_connect_provider", {"clientIdLists": "ClientIDList"}),
        id="OpenIDConnectProviderArn",
        read=("get_open_id_connect_provider", {"OpenIDConnectProviderArn": "{id}"}, "@"),
        delete=("delete_open_id_connect_provider", {"OpenIDConnectProviderArn": "{id}"}),
        outputs={"arn": "arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"},
        traits=Traits(replace_on=fixed("url")),
    ),
    "aws:kms/key:Key": Row(
        service="kms",
        create=Call("create_key"),
        echoed=fixed("deletionWindowInDays"),
        id="KeyMetadata.KeyId",
        also=(Also(["enableKeyRotation"], Call("enable_key_rotation", only=(), more={"KeyId": "{id}"})),),
        # A key in waiting is gone for the provider, and comes to nobody's bill.
        read=(
            "describe_key",
            {"KeyId": "{id}"},
            "(KeyMetadata.KeyState != 'PendingDeletion' && KeyMetadata) || `null`",
        ),
        update=Call("put_key_policy", more={"KeyId": "{id}"}),
        delete=("schedule_key_deletion", {"KeyId": "{id}", "PendingWindowInDays": "{deletionWindowInDays}"}),
        outputs={"arn": "Arn", "keyId": "KeyId"},
        traits=Traits(replace_on=fixed("customerMasterKeySpec", "keyUsage")),
    ),
    "aws:kms/alias:Alias": Row(
        service="kms",
        create=Call("create_alias", {"name": "AliasName"}),
        id="{name}",
        read=("list_aliases", {}, "Aliases[?AliasName=='<name>']|[0]"),
        update=Call("update_alias", {"name": "AliasName"}),
        whole=True,
        delete=("delete_alias", {"AliasName": "{name}"}),
        outputs={"arn": "AliasArn"},
        traits=Traits(name=Name(pattern=r"alias/[a-zA-Z0-9/_-]+", limit=256), replace_on=fixed("name")),
    ),
    "aws:secretsmanager/secret:Secret": Row(
        service="secretsmanager",
        create=Call("create_secret"),
        echoed=fixed("recoveryWindowInDays"),
        id="ARN",
        before_create=_key_is_usable,
        # A secret that waits for its end is found by AWS, but nothing can be done with it.
        read=("describe_secret", {"SecretId": "{id}"}, "(!DeletedDate && @) || `null`"),
        update=Call("update_secret", more={"SecretId": "{id}"}),
        delete=_delete_secret,
        outputs={"arn": "ARN"},
        # Its versions go with it; the provider leaves them alone (`retain_on_delete`).
        traits=Traits(name=Name(pattern=r"[A-Za-z0-9/_+=.@-]+", limit=512), replace_on=fixed("name"), cascades=True),
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Row(
        service="secretsmanager",
        create=Call("put_secret_value"),
        id="{secretId}|{answer[VersionId]}",
        read=("list_secret_version_ids", {"SecretId": "{secretId}"}, "Versions[?contains('<id>', VersionId)]|[0]"),
        delete=None,
        after_create=_older_versions_stay,
        outputs={"versionId": "VersionId", "arn": lambda _kind, _found, facts: str(facts["secretId"])},
        traits=Traits(
            replace_on=fixed("secretId", "secretString"),
            within=(Within("secretId", "aws:secretsmanager/secret:Secret"),),
        ),
    ),
}

__all__ = ["ROWS"]
