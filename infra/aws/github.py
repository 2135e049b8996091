"""Identities of the pipelines: GitHub's tokens are trusted for one repository, and for one environment each.

Owns the OIDC provider (or refers to the account's), the boundary, a deploy role per environment and the preview role.
What they may do is in `permissions.py` and `boundary.py`, what they may never do in `apart.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.apart import not_bootstrap, not_production, not_productions_names
from infra.aws.boundary import boundary_statements
from infra.aws.context import BOUNDARY_NAME, Context
from infra.aws.iam import Statement, document
from infra.aws.permissions import (
    DEPLOY_ROLE,
    DRIFT_ROLE,
    MANAGED,
    PREVIEW,
    PREVIEW_ROLE,
    bucket_statements,
    drift_statements,
    identity_statements,
    managed_statements,
    state_statements,
)
from infra.aws.state import KEY_HOLDERS, State
from infra.components.naming import PRODUCTION_STACK, Kind, physical_name
from infra.components.tags import tags
from infra.config.general import GithubSettings

ISSUER: Final = "token.actions.githubusercontent.com"
AUDIENCE: Final = "sts.amazonaws.com"
_SESSION_SECONDS: Final = 2 * 3600
"""A first deployment waits for a database and ten services."""


class Pipelines(pulumi.ComponentResource):
    """Provider, boundary and roles."""

    roles: dict[str, pulumi.Output[str]]
    """GitHub environment (or `preview`) -> ARN."""

    def __init__(
        self, ctx: Context, github: GithubSettings, state: State, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them for the repository `github`."""
        super().__init__("agent-exchange:aws:Pipelines", "pipelines", None, opts)
        self._ctx, self._state = ctx, state
        child = pulumi.ResourceOptions(parent=self)
        if ctx.aws.github_provider_arn is not None:
            self._trusted: pulumi.Input[str] = ctx.aws.github_provider_arn
        else:
            self._trusted = aws.iam.OpenIdConnectProvider(
                "github", url=f"https://{ISSUER}", client_id_lists=[AUDIENCE], tags=ctx.tags(), opts=child
            ).arn
        aws.iam.Policy(
            "boundary",
            name=BOUNDARY_NAME,
            description="The most that any role of Agent Exchange can do",
            policy=document(boundary_statements(ctx)),
            tags=ctx.tags(),
            opts=child,
        )
        self._shared = {
            name: self._policy(f"aex-deploy-{name}", statements)
            for name, statements in {
                **{name: managed_statements(name) for name in MANAGED},
                "identity": [*identity_statements(ctx), *bucket_statements(ctx)],
            }.items()
        }
        self.roles = {
            f"aws-{environment}": self._deploy_role(environment, environment_subjects(github, environment))
            for environment in KEY_HOLDERS
        }
        self.roles["preview"] = self._preview_role(subjects(github, "pull_request"))
        for environment in KEY_HOLDERS:
            name = f"{environment}-drift"
            self.roles[f"aws-{name}"] = self._drift_role(environment, environment_subjects(github, name))
        self.register_outputs({})

    def _policy(self, name: str, statements: Sequence[Statement]) -> pulumi.Output[str]:
        return aws.iam.Policy(
            name,
            name=physical_name(name, PRODUCTION_STACK, Kind.IAM_POLICY),
            description="What deployments of Agent Exchange take",
            policy=document(statements),
            tags=self._ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _deploy_role(self, environment: str, allowed: Sequence[str]) -> pulumi.Output[str]:
        bucket, keys = self._state.bucket.arn, self._state.keys
        statements = state_statements(bucket, keys[environment].arn, self._state.bucket_key.arn, write=True)
        statements += not_bootstrap(bucket)
        if environment != "production":
            statements += [*not_production(bucket), *not_productions_names(self._ctx)]
        name = physical_name(DEPLOY_ROLE, environment, Kind.IAM_ROLE)
        made = self._role(name, f"Deploys {environment} from GitHub", environment, allowed, statements)
        for policy, arn in self._shared.items():
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy}", role=made.name, policy_arn=arn, opts=pulumi.ResourceOptions(parent=self)
            )
        return made.arn

    def _preview_role(self, allowed: Sequence[str]) -> pulumi.Output[str]:
        """Pull requests: may look at staging's state, and at nothing of production's."""
        bucket, keys = self._state.bucket.arn, self._state.keys
        statements = [
            *state_statements(bucket, keys["staging"].arn, self._state.bucket_key.arn, write=False),
            Statement(sid="LookUp", actions=PREVIEW, resources=["*"]),
            *not_bootstrap(bucket),
            *not_production(bucket),
        ]
        return self._role(PREVIEW_ROLE, "Previews pull requests", "staging", allowed, statements).arn

    def _drift_role(self, environment: str, allowed: Sequence[str]) -> pulumi.Output[str]:
        """The nightly comparison of a stack with its cloud, which nobody approves: it looks, and changes nothing."""
        bucket, keys = self._state.bucket.arn, self._state.keys
        statements = state_statements(bucket, keys[environment].arn, self._state.bucket_key.arn, write=False)
        statements += [*drift_statements(), *not_bootstrap(bucket)]
        if environment != "production":
            statements += not_production(bucket)
        name = physical_name(DRIFT_ROLE, environment, Kind.IAM_ROLE)
        return self._role(name, f"Compares {environment} with its cloud", environment, allowed, statements).arn

    def _role(
        self, name: str, description: str, environment: str, allowed: Sequence[str], statements: Sequence[Statement]
    ) -> aws.iam.Role:
        made = aws.iam.Role(
            name,
            name=name,
            description=description,
            max_session_duration=_SESSION_SECONDS,
            assume_role_policy=document([trust(self._trusted, allowed)]),
            tags=tags(self._ctx.stack, environment),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.iam.RolePolicy(
            name,
            name="state",
            role=made.name,
            policy=document(statements),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made


def subjects(github: GithubSettings, claim: str) -> list[str]:
    """The two forms of GitHub's `sub`: by names, and (default for new repositories) with the ids that never change.

    Exact texts: no pattern that another repository could match.
    """
    return [
        f"repo:{github.owner}/{github.repository}:{claim}",
        f"repo:{github.owner}@{github.owner_id}/{github.repository}@{github.repository_id}:{claim}",
    ]


def environment_subjects(github: GithubSettings, environment: str) -> list[str]:
    """A stack on both clouds is deployed by one job, in the GitHub environment of the first: either may be it."""
    return [subject for cloud in ("aws", "gcp") for subject in subjects(github, f"environment:{cloud}-{environment}")]


def trust(provider: pulumi.Input[str], allowed: Sequence[str]) -> Statement:
    """Lets workflows with one of the subjects `allowed` assume a role."""
    return Statement(
        sid="OneRepository",
        actions=["sts:AssumeRoleWithWebIdentity"],
        principals={"Federated": provider},
        conditions={"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": list(allowed)}},
    )


__all__ = ["AUDIENCE", "ISSUER", "Pipelines", "environment_subjects", "subjects", "trust"]
