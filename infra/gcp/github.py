"""Identities of the pipelines: GitHub's tokens are trusted for one repository, and for one environment each.

Owns the workload-identity pool and provider, a deploy account per environment and the preview account. What they may do
is in `permissions.py`. No account has a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_gcp as gcp
import pulumi_random as random

from infra.components.naming import PRODUCTION_STACK, Kind, physical_name
from infra.config.gcp import ProjectEnvironment
from infra.config.general import GithubSettings
from infra.gcp.context import Context
from infra.gcp.iam import custom_role, project_member
from infra.gcp.permissions import DEPLOY_ROLES, PREVIEW_PERMISSIONS, PREVIEW_ROLES, only_grantable
from infra.gcp.state import State, bucket_name, not_the_state, staging_only

ISSUER: Final = "https://token.actions.githubusercontent.com"
DEPLOY_ACCOUNT: Final = "aex-github-actions"
PREVIEW_ACCOUNT: Final = "aex-github-preview"
DRIFT_ACCOUNT: Final = "aex-github-drift"
PREVIEW: Final = "preview"

_SUFFIX_BYTES: Final = 2


class Pipelines(pulumi.ComponentResource):
    """Pool, provider and accounts."""

    provider: pulumi.Output[str]
    """Full name, which `google-github-actions/auth` takes."""
    accounts: dict[str, pulumi.Output[str]]
    """GitHub environment (or `preview`) -> e-mail, of the environments that the project is for."""

    def __init__(
        self, ctx: Context, github: GithubSettings, state: State, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them for the repository `github`."""
        super().__init__("agent-exchange:gcp:Pipelines", "pipelines", None, opts)
        self._ctx, self._state = ctx, state
        self._pool = self._workload_pool()
        self.provider = self._workload_provider(github).name
        self._looks = custom_role(
            ctx, "aex-preview", title="Agent Exchange: look", permissions=PREVIEW_PERMISSIONS, parent=self
        )
        self.accounts = {f"gcp-{environment}": self._deploy_account(environment) for environment in state.keys}
        for environment in state.keys:
            self.accounts[f"gcp-{environment}-drift"] = self._drift_account(environment)
        if ProjectEnvironment.STAGING in ctx.gcp.environments:  # pull requests are previewed against staging
            self.accounts[PREVIEW] = self._preview_account()
        self.register_outputs({})

    def _workload_pool(self) -> gcp.iam.WorkloadIdentityPool:
        ctx = self._ctx
        # Google keeps a deleted pool for thirty days and refuses its id meanwhile: each new pool has another one.
        suffix = random.RandomId(
            "pool",
            byte_length=_SUFFIX_BYTES,
            opts=pulumi.ResourceOptions(parent=self, protect=ctx.protect),
        )
        base = physical_name("aex-github", PRODUCTION_STACK, Kind.WORKLOAD_POOL)
        return gcp.iam.WorkloadIdentityPool(
            "github",
            workload_identity_pool_id=pulumi.Output.concat(base, "-", suffix.hex),
            display_name="Agent Exchange: GitHub",
            description="Workflows of the repository",
            opts=ctx.stateful(self),
        )

    def _workload_provider(self, github: GithubSettings) -> gcp.iam.WorkloadIdentityPoolProvider:
        return gcp.iam.WorkloadIdentityPoolProvider(
            "github",
            workload_identity_pool_id=self._pool.workload_identity_pool_id,
            workload_identity_pool_provider_id=physical_name("github", PRODUCTION_STACK, Kind.WORKLOAD_POOL),
            display_name="GitHub Actions",
            oidc=gcp.iam.WorkloadIdentityPoolProviderOidcArgs(issuer_uri=ISSUER),
            attribute_mapping=attribute_mapping(),
            attribute_condition=attribute_condition(github),
            opts=self._ctx.stateful(self),
        )

    def _deploy_account(self, environment: str) -> pulumi.Output[str]:
        account = self._account(
            f"{DEPLOY_ACCOUNT}-{environment}" if environment != PRODUCTION_STACK else DEPLOY_ACCOUNT,
            f"Deploys {environment} from GitHub",
        )
        name = f"deploy-{environment}"
        self._trust_environment(name, account, environment)
        self._grant(name, account, DEPLOY_ROLES)
        project_member(
            self._ctx,
            f"{name}-grants",
            "roles/resourcemanager.projectIamAdmin",
            account.member,
            parent=self,
            condition=only_grantable(),
        )
        self._state_access(
            name, account, environment, "roles/storage.objectAdmin", restricted=environment != PRODUCTION_STACK
        )
        return account.email

    def _preview_account(self) -> pulumi.Output[str]:
        """Pull requests: may look at staging's state, and at nothing of production's."""
        account = self._account(PREVIEW_ACCOUNT, "Previews pull requests")
        self._trust(PREVIEW, account, "attribute.event_name/pull_request")
        return self._reader(PREVIEW, account, "staging")

    def _drift_account(self, environment: str) -> pulumi.Output[str]:
        """The nightly comparison of a stack with its cloud, which nobody approves: it looks, and changes nothing."""
        account = self._account(
            f"{DRIFT_ACCOUNT}-{environment}" if environment != PRODUCTION_STACK else DRIFT_ACCOUNT,
            f"Compares {environment} with its cloud",
        )
        name = f"drift-{environment}"
        self._trust_environment(name, account, f"{environment}-drift")
        return self._reader(name, account, environment)

    def _reader(self, name: str, account: gcp.serviceaccount.Account, environment: str) -> pulumi.Output[str]:
        self._grant(name, account, PREVIEW_ROLES)
        project_member(self._ctx, f"{name}-looks", self._looks.name, account.member, parent=self)
        restricted = environment != PRODUCTION_STACK
        self._state_access(name, account, environment, "roles/storage.objectViewer", restricted=restricted)
        return account.email

    def _account(self, base: str, description: str) -> gcp.serviceaccount.Account:
        return gcp.serviceaccount.Account(
            base,
            account_id=physical_name(base, PRODUCTION_STACK, Kind.SERVICE_ACCOUNT),
            display_name=base,
            description=description,
            opts=self._ctx.child(self),
        )

    def _trust_environment(self, name: str, account: gcp.serviceaccount.Account, environment: str) -> None:
        """A stack on both clouds is deployed by one job, in the GitHub environment of the first: either may be it."""
        for cloud in ("gcp", "aws"):
            self._trust(f"{name}-{cloud}", account, f"attribute.environment/{cloud}-{environment}")

    def _trust(self, name: str, account: gcp.serviceaccount.Account, attribute: str) -> None:
        """Lets workflows whose token has this attribute act as the account."""
        gcp.serviceaccount.IAMMember(
            f"{name}-trust",
            service_account_id=account.name,
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.concat("principalSet://iam.googleapis.com/", self._pool.name, "/", attribute),
            opts=self._ctx.child(self, deleted_with=account, replace_by_deleting=True),
        )

    def _grant(self, name: str, account: gcp.serviceaccount.Account, roles: Mapping[str, str]) -> None:
        for role in sorted(roles):
            short = role.removeprefix("roles/").replace(".", "-")
            condition = not_the_state(self._ctx) if role.startswith("roles/storage.") else None
            project_member(self._ctx, f"{name}-{short}", role, account.member, parent=self, condition=condition)

    def _state_access(
        self, name: str, account: gcp.serviceaccount.Account, environment: str, role: str, *, restricted: bool
    ) -> None:
        bucket, key = self._state.bucket, self._state.keys[environment]
        condition = None
        if restricted:
            wanted = staging_only(bucket_name(self._ctx))
            condition = gcp.storage.BucketIAMMemberConditionArgs(title=wanted.title, expression=wanted.expression)
        gcp.storage.BucketIAMMember(
            f"{name}-state",
            bucket=bucket.name,
            role=role,
            member=account.member,
            condition=condition,
            opts=self._ctx.child(self, deleted_with=bucket, replace_by_deleting=True),
        )
        gcp.kms.CryptoKeyIAMMember(
            f"{name}-state",
            crypto_key_id=key.id,
            role=(
                "roles/cloudkms.cryptoKeyEncrypterDecrypter"
                if name.startswith("deploy-")
                else "roles/cloudkms.cryptoKeyDecrypter"
            ),
            member=account.member,
            opts=self._ctx.child(self, deleted_with=key, replace_by_deleting=True),
        )


def attribute_mapping() -> dict[str, str]:
    """What of GitHub's token permissions can be written for.

    A job without an environment has `none`, and so has one of a pull request: code that nobody has approved yet may
    name any environment, and a deploy account must not follow it. So do `pull_request_target` and reviews.
    """
    return {
        # Only names who it was, in audit logs. Google takes 127 characters, and GitHub's own subject may have more.
        "google.subject": "'repository:' + assertion.repository_id + ':run:' + assertion.run_id",
        "attribute.repository_id": "assertion.repository_id",
        "attribute.repository_owner_id": "assertion.repository_owner_id",
        "attribute.event_name": "assertion.event_name",
        "attribute.ref": "assertion.ref",
        "attribute.environment": (
            "has(assertion.environment) && !assertion.event_name.startsWith('pull_request') "
            "? assertion.environment : 'none'"
        ),
    }


def attribute_condition(github: GithubSettings) -> str:
    """One repository, by numbers that stay when it is renamed and are never given away again."""
    return (
        f"assertion.repository_id == '{github.repository_id}' && assertion.repository_owner_id == '{github.owner_id}'"
    )


__all__ = ["ISSUER", "PREVIEW", "Pipelines", "attribute_condition", "attribute_mapping"]
