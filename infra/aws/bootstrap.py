"""What exists once per account: the state of all stacks, and the identities of the pipelines.

First run: `pulumi login --local`, `pulumi up -s bootstrap`, then move this stack's own state into the bucket that it
made (docs/aws.md has the commands). Environment stacks refer to what is here, and never own it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra.aws.context import Context, context_of
from infra.aws.github import Pipelines
from infra.aws.state import KEY_HOLDERS, State, key_alias
from infra.config import Settings
from infra.config.general import GithubSettings


class AwsBootstrap(pulumi.ComponentResource):
    """State and pipelines."""

    state: State
    pipelines: Pipelines

    def __init__(self, ctx: Context, github: GithubSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare all of it."""
        super().__init__("agent-exchange:aws:Bootstrap", "aws", None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.state = State(ctx, child)
        self.pipelines = Pipelines(ctx, github, self.state, child)
        self.register_outputs({})


def build(settings: Settings) -> Mapping[str, pulumi.Input[object]]:
    """Declare the account's part and return the outputs for `aws`."""
    if settings.github is None:
        raise ValueError("settings of the bootstrap stack have no part `github`")
    ctx = context_of(settings)
    made = AwsBootstrap(ctx, settings.github)
    return {
        "backend": pulumi.Output.concat("s3://", made.state.bucket.bucket, "?region=", ctx.region),
        "secretsProviders": {
            environment: f"awskms://{key_alias(environment)}?region={ctx.region}" for environment in KEY_HOLDERS
        },
        "roles": made.pipelines.roles,
    }


__all__ = ["AwsBootstrap", "build"]
