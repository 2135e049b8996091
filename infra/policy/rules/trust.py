"""Whom the clouds believe when a pipeline of GitHub asks for a role.

Stricter than the checks of Checkov, of which CKV_AWS_393 passes `repo:acme/*` and refuses GitHub's immutable subjects,
and CKV_GCP_125 knows nothing but names: names can be registered again by somebody else, numbers cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from infra.policy.model import About, Place, Resource, Stack, resource_rule
from infra.policy.statements import Statement, statements

_ISSUER: Final = "token.actions.githubusercontent.com"
_NAMES: Final = re.compile(r"repo:[^/@:*?]+/[^/@:*?]+:(?P<context>environment:[^:*?]+|pull_request)")
_NUMBERS: Final = re.compile(r"repo:[^/@:*?]+@\d+/[^/@:*?]+@\d+:(?P<context>environment:[^:*?]+|pull_request)")
_REPOSITORY: Final = re.compile(r"assertion\.repository_id\s*==\s*['\"]\d+['\"]")
_OWNER: Final = re.compile(r"assertion\.repository_owner_id\s*==\s*['\"]\d+['\"]")


@resource_rule(
    About(
        id="aws-github-trust",
        place=Place.AWS,
        reason="a subject with a wildcard or without an environment lets other repositories, or any branch, deploy",
        remedy="compare (StringEquals) aud with sts.amazonaws.com, and sub with both forms of one repository's "
        "environments of one stack: repo:OWNER/NAME:environment:E and repo:OWNER@ID/NAME@ID:environment:E",
        checkov=("CKV_AWS_358", "CKV_AWS_393"),
    ),
    "aws:iam/role:Role",
)
def github_trust_aws(resource: Resource, _: Stack) -> Iterator[str]:
    """A role for GitHub trusts one repository and one environment, by name and by number."""
    for statement in statements(resource.properties, "assumeRolePolicy"):
        if statement.allows("sts:AssumeRoleWithWebIdentity"):
            yield from _github_problems(statement)


def _github_problems(statement: Statement) -> Iterator[str]:
    audiences, subjects = statement.conditions(f"{_ISSUER}:aud"), statement.conditions(f"{_ISSUER}:sub")
    if audiences != {"StringEquals": ["sts.amazonaws.com"]}:
        yield f"statement {statement.sid} does not ask for the audience sts.amazonaws.com"
    exact = subjects.get("StringEquals", [])
    if not exact or set(subjects) != {"StringEquals"}:
        yield f"statement {statement.sid} does not compare the subject exactly"
        return
    contexts: dict[str, set[str]] = {"names": set(), "numbers": set()}
    for subject in exact:
        by_name, by_number = _NAMES.fullmatch(subject), _NUMBERS.fullmatch(subject)
        if by_name:
            contexts["names"].add(by_name["context"])
        elif by_number:
            contexts["numbers"].add(by_number["context"])
        else:
            yield f"statement {statement.sid} trusts {subject}"
    # A stack on both clouds is deployed from either's environment: aws-staging and gcp-staging are one.
    stacks = {re.sub(r"^environment:(aws|gcp)-", "", context) for context in contexts["names"]}
    if contexts["names"] != contexts["numbers"] or len(stacks) > 1:
        yield f"statement {statement.sid} does not name one stack's environments by names and by numbers"


@resource_rule(
    About(
        id="gcp-github-trust",
        place=Place.GCP,
        reason="a provider without a condition believes every repository on GitHub, and names can be registered again",
        remedy="set attributeCondition to assertion.repository_id == '...' && assertion.repository_owner_id == '...'",
        checkov=("CKV_GCP_118", "CKV_GCP_125"),
    ),
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
)
def github_trust_google(resource: Resource, _: Stack) -> Iterator[str]:
    """The pool believes one repository of one owner, by number."""
    condition = resource.properties.text("attributeCondition")
    if not _REPOSITORY.search(condition) or not _OWNER.search(condition) or "||" in condition:
        yield "the provider does not ask for one repository and one owner by number"


@resource_rule(
    About(
        id="gcp-github-binding",
        place=Place.GCP,
        reason="a whole pool, or a repository whatever it runs, would act as the account that deploys",
        remedy="bind principalSet://.../attribute.environment/<environment>, or attribute.event_name for previews",
    ),
    "gcp:serviceaccount/iAMMember:IAMMember",
)
def github_binding(resource: Resource, _: Stack) -> Iterator[str]:
    """Only an environment of the repository becomes a service account; any preview only the preview account."""
    if resource.properties.text("role") != "roles/iam.workloadIdentityUser":
        return
    member = resource.properties.text("member")
    if not re.search(r"/attribute\.(environment/[^/*]+|event_name/pull_request)$", member):
        yield f"{member.rpartition('workloadIdentityPools/')[2]} may act as the service account"


RULES = (github_trust_aws, github_trust_google, github_binding)
