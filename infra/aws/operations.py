"""The one-off task of operators: users of the database, checks, export and import, under a role of its own.

Every deployment that makes or changes a service runs it once before that, with its default command, which brings the
database's users to what the stack wants. It alone uses the bucket of exports (`exports.py`). Its tags say where it
runs, so that people can start it with another command:

    aws ecs run-task --task-definition aex-operations --overrides '{"containerOverrides": [...]}' ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.cluster import cluster_name
from infra.aws.container import ContainerArgs, container_definitions
from infra.aws.context import Context
from infra.aws.ecs_calls import CLUSTER_TAG, GROUP_TAG, SUBNETS_TAG
from infra.aws.ecs_hooks import run_before
from infra.aws.exports import exports_statements
from infra.aws.iam import Statement, role, trusted_tasks
from infra.aws.identity import OPERATIONS, through
from infra.aws.logs import log_group, service_log_group_name
from infra.aws.network import Place
from infra.components.naming import Kind

_CPU, _MEMORY_MB = 256, 512
USERS_COMMAND = ("python", "-m", "aex", "database-users")
CHECK_COMMAND = ("python", "-m", "aex", "check")
"""Where there are no users to make: what changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsArgs:
    """What the task works with."""

    image: pulumi.Input[str]
    key: pulumi.Input[str]
    execution_role: pulumi.Input[str]
    security_group: pulumi.Input[str]
    place: Place
    environment: Mapping[str, pulumi.Input[str]]
    references: Mapping[str, pulumi.Input[str]]
    """Variables that ECS fills from secrets."""
    secrets: Sequence[pulumi.Input[str]]
    """ARNs that the task reads by itself: the master user's and every user's password."""
    after: Sequence[pulumi.Resource]
    """What the task talks to when it runs."""
    users: bool
    """Whether there are users to make: not on Atlas, which keeps its own."""

    def __post_init__(self) -> None:
        """Refuse what would fail only when the task runs."""
        if self.users and not self.secrets:
            raise ValueError(
                "users are made with the master's password: give its ARN among secrets, or set users to False"
            )


class Operations(pulumi.ComponentResource):
    """Task definition, role and log group."""

    definition: aws.ecs.TaskDefinition
    log_group: aws.cloudwatch.LogGroup
    before_services: pulumi.ResourceHook | None
    """What runs it; for the services that log in to the database. None when there are no users to make."""

    def __init__(self, ctx: Context, args: OperationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the task, after everything that it talks to."""
        super().__init__("agent-exchange:aws:Operations", "operations", None, opts)
        path = service_log_group_name(ctx, OPERATIONS)
        self.log_group = log_group(ctx, OPERATIONS, path=path, key=args.key, parent=self)
        own = role(
            ctx,
            f"{OPERATIONS}-task",
            description="One-off tasks of operators",
            trust=trusted_tasks(ctx),
            statements=operations_statements(ctx, args.secrets, args.key),
            parent=self,
        )
        self.definition = aws.ecs.TaskDefinition(
            OPERATIONS,
            family=ctx.name(OPERATIONS, Kind.ECS),
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(_CPU),
            memory=str(_MEMORY_MB),
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                cpu_architecture=ctx.aws.architecture.value.upper(), operating_system_family="LINUX"
            ),
            execution_role_arn=args.execution_role,
            task_role_arn=own.arn,
            container_definitions=container_definitions(
                ContainerArgs(
                    name=OPERATIONS,
                    image=args.image,
                    memory_mb=_MEMORY_MB,
                    port=None,
                    # Names the nearest S3; what is declared decides, not what Fargate happens to add.
                    environment={**args.environment, "AWS_DEFAULT_REGION": ctx.region},
                    secrets=args.references,
                    command=USERS_COMMAND if args.users else CHECK_COMMAND,
                    log_group=path,
                    region=ctx.region,
                )
            ),
            tags={
                **ctx.tags(),
                CLUSTER_TAG: cluster_name(ctx),
                GROUP_TAG: args.security_group,
                SUBNETS_TAG: pulumi.Output.all(*args.place.private_subnets).apply(
                    lambda subnets: " ".join(str(subnet) for subnet in subnets)
                ),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.log_group, *args.after]),
        )
        self.before_services = run_before(ctx.name(OPERATIONS, Kind.ECS)) if args.users else None
        self.register_outputs({"definition": self.definition.arn})


def operations_statements(
    ctx: Context, secrets: Sequence[pulumi.Input[str]], key: pulumi.Input[str]
) -> list[Statement]:
    """Exports and passwords of the database, nothing else."""
    if not secrets:
        return exports_statements(ctx, key)
    return [
        *exports_statements(ctx, key),
        Statement(sid="ReadPasswords", actions=["secretsmanager:GetSecretValue"], resources=secrets),
        Statement(
            sid="DecryptPasswords", actions=["kms:Decrypt"], resources=[key], conditions=through(ctx, "secretsmanager")
        ),
    ]


__all__ = ["CHECK_COMMAND", "USERS_COMMAND", "Operations", "OperationsArgs", "operations_statements"]
