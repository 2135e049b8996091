"""What exists once per project: APIs, the state of all stacks, audit logs, and the identities of the pipelines.

First run: `pulumi login --local`, `pulumi up -s bootstrap`, then move this stack's own state into the bucket that it
made (docs/gcp.md has the commands). Environment stacks refer to what is here, and never own it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra.config import Settings
from infra.config.general import GithubSettings
from infra.gcp.apis import ProjectServices
from infra.gcp.audit import Audit
from infra.gcp.context import Context, context_of
from infra.gcp.github import PREVIEW, Pipelines
from infra.gcp.project import Project
from infra.gcp.state import State


class GcpBootstrap(pulumi.ComponentResource):
    """Project, APIs, state, audit logs, pipelines."""

    state: State
    pipelines: Pipelines

    def __init__(self, ctx: Context, github: GithubSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare all of it."""
        super().__init__("agent-exchange:gcp:Bootstrap", "gcp", None, opts)
        child = pulumi.ResourceOptions(parent=self)
        wanted = ctx.gcp.create_project
        project = Project(ctx, wanted, child).project.project_id if wanted is not None else None
        apis = ProjectServices(ctx, project, child)
        ready = pulumi.ResourceOptions(parent=self, depends_on=[apis])
        self.state = State(ctx, ready)
        Audit(ctx, ready)
        self.pipelines = Pipelines(ctx, github, self.state, ready)
        self.register_outputs({})


def build(settings: Settings) -> Mapping[str, pulumi.Input[object]]:
    """Declare the project's part and return the outputs for `gcp`."""
    if settings.github is None:
        raise ValueError("no repository to trust: set agent-exchange:github (owner, repository, ownerId, repositoryId)")
    ctx = context_of(settings)
    made = GcpBootstrap(ctx, settings.github)
    accounts = made.pipelines.accounts
    return {
        "backend": pulumi.Output.concat("gs://", made.state.bucket.name),
        "secretsProviders": {environment: made.state.secrets_provider(environment) for environment in made.state.keys},
        "accounts": accounts,
        # Names and values of the secrets that each GitHub environment gets.
        "github": {
            environment: {
                "GCP_PROJECT_ID": ctx.project,
                "GCP_REGION": ctx.region,
                "GCP_WORKLOAD_IDENTITY_PROVIDER": made.pipelines.provider,
                "GCP_SERVICE_ACCOUNT": account,
            }
            for environment, account in accounts.items()
            if environment != PREVIEW
        },
    }


__all__ = ["GcpBootstrap", "build"]
