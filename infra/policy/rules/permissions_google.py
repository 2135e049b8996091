"""Who may do what on Google Cloud: roles in the project, service accounts and their keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from infra.policy.model import About, Place, Resource, Stack, resource_rule

_BASIC: Final = frozenset({"roles/owner", "roles/editor", "roles/viewer"})
_BECOMES_ANYBODY: Final = frozenset(
    {
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.serviceAccountUser",
        "roles/iam.serviceAccountKeyAdmin",
        "roles/iam.workloadIdentityUser",
    }
)
_GRANTS: Final = frozenset({"roles/resourcemanager.projectIamAdmin", "roles/iam.securityAdmin"})
_DEFAULT_ACCOUNTS: Final = ("-compute@developer.gserviceaccount.com", "@appspot.gserviceaccount.com")
_PROJECT: Final = (
    "gcp:projects/iAMMember:IAMMember",
    "gcp:projects/iAMBinding:IAMBinding",
    "gcp:projects/iAMPolicy:IAMPolicy",
)


@resource_rule(
    About(
        id="gcp-basic-role",
        place=Place.GCP,
        reason="basic roles reach every service of the project, secrets and data included",
        remedy="grant the predefined role of the one service that is needed",
        checkov=("CKV_GCP_49", "CKV_GCP_117"),
    ),
    *_PROJECT,
)
def basic_role(resource: Resource, _: Stack) -> Iterator[str]:
    """No owner, editor or viewer."""
    role = resource.properties.text("role")
    if role in _BASIC:
        yield f"{role} is granted on the whole project"


@resource_rule(
    About(
        id="gcp-impersonation",
        place=Place.GCP,
        reason="on the whole project it lets its holder act as every service account",
        remedy="grant it on the one service account that is meant",
        checkov=("CKV_GCP_41", "CKV_GCP_42"),
    ),
    *_PROJECT,
)
def impersonation(resource: Resource, _: Stack) -> Iterator[str]:
    """Nobody may become every service account."""
    role = resource.properties.text("role")
    if role in _BECOMES_ANYBODY:
        yield f"{role} is granted on the whole project"


@resource_rule(
    About(
        id="gcp-limited-grants",
        place=Place.GCP,
        reason="whoever may grant every role has every role",
        remedy="add a condition on iam.googleapis.com/modifiedGrantsByRole that lists the roles",
    ),
    *_PROJECT,
)
def limited_grants(resource: Resource, _: Stack) -> Iterator[str]:
    """Who may grant roles may grant only some."""
    role = resource.properties.text("role")
    if role in _GRANTS and "modifiedGrantsByRole" not in resource.properties.text("condition.expression"):
        yield f"{role} is granted without a limit"


@resource_rule(
    About(
        id="gcp-default-account",
        place=Place.GCP,
        reason="the project's default service accounts are shared by everything that names none",
        remedy="use the service's own account",
        checkov=("CKV_GCP_46",),
    ),
    *_PROJECT,
    "gcp:cloudrunv2/service:Service",
    "gcp:cloudrunv2/job:Job",
)
def default_account(resource: Resource, _: Stack) -> Iterator[str]:
    """Nothing runs as a default account, and none is given anything."""
    properties = resource.properties
    if resource.type in _PROJECT:
        members = [*properties.texts("member"), *properties.texts("members")]
        if any(member.endswith(_DEFAULT_ACCOUNTS) for member in members):
            yield f"{properties.text('role')} is granted to a default service account"
        return
    inner = "template.serviceAccount" if resource.type.endswith(":Service") else "template.template.serviceAccount"
    if not properties.has(inner) or properties.text(inner).endswith(_DEFAULT_ACCOUNTS):
        yield "it runs as the project's default service account"


@resource_rule(
    About(
        id="gcp-no-account-keys",
        place=Place.GCP,
        reason="keys of service accounts never expire, and are found in files",
        remedy="let the workload use its attached account, and pipelines workload identity federation",
        checkov=("CKV2_GCP_3",),
    ),
    "gcp:serviceaccount/key:Key",
)
def no_account_keys(_resource: Resource, _: Stack) -> Iterator[str]:
    """No long-lived keys."""
    yield "a key of a service account is declared"


RULES = (basic_role, impersonation, limited_grants, default_account, no_account_keys)
