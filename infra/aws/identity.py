"""Who may do what: the role that starts tasks, and one role for each service's own code.

The execution role pulls this stack's images, writes its log groups and reads its secrets, on behalf of ECS; code never
holds it. A service's own role has only what its catalog entry needs from AWS, which is nothing: secrets arrive by
reference, the database is reached by network. An operator's shell adds the channel that it runs through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pulumi

from infra.aws.context import Context
from infra.aws.iam import Role, Statement, role, trusted_tasks
from infra.aws.logs import service_log_group_name
from infra.aws.registry import repository_name
from infra.aws.secrets import secret_names
from infra.components.naming import Kind
from infra.components.table import Catalog

OPERATIONS = "aex-operations"
"""One-off tasks: users of the database, checks, export and import."""


class Identity(pulumi.ComponentResource):
    """Execution role and task roles."""

    execution: Role
    tasks: dict[str, Role]

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        key: pulumi.Input[str],
        *,
        extra_secrets: Sequence[pulumi.Input[str]] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`extra_secrets` are ARNs that tasks take references to beyond the catalog's (the database's)."""
        super().__init__("agent-exchange:aws:Identity", "identity", None, opts)
        self.execution = role(
            ctx,
            "aex-execution",
            description="Starts the tasks of Agent Exchange: images, logs, references to secrets",
            trust=trusted_tasks(ctx),
            statements=execution_statements(ctx, catalog, key, extra_secrets),
            parent=self,
        )
        self.tasks = {
            service: role(
                ctx,
                f"{service}-task",
                description=f"The code of {service}",
                trust=trusted_tasks(ctx),
                statements=task_statements(ctx, service, key),
                parent=self,
                service=service,
            )
            for service in catalog.names
        }
        self.register_outputs({})


def secret_arn(ctx: Context, name: str) -> str:
    """The ARN of a secret of this stack; AWS appends six characters to every name."""
    return ctx.arn("secretsmanager", f"secret:{ctx.name(name, Kind.AWS_SECRET)}-??????")


def through(ctx: Context, service: str) -> dict[str, dict[str, str]]:
    """The condition that a key is used by way of a service of AWS only."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{ctx.region}.amazonaws.com"}}


def execution_statements(
    ctx: Context, catalog: Catalog, key: pulumi.Input[str], extra_secrets: Sequence[pulumi.Input[str]]
) -> list[Statement]:
    """What starting this stack's tasks takes, and nothing of any other stack."""
    groups = [service_log_group_name(ctx, service) for service in (*catalog.names, OPERATIONS)]
    return [
        # The one action of ECR that AWS cannot limit to a repository.
        Statement(sid="LogInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            sid="PullImages",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=_repositories(ctx, catalog),
        ),
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[ctx.arn("logs", f"log-group:{group}:log-stream:*") for group in groups],
        ),
        Statement(
            sid="ReadSecrets",
            actions=["secretsmanager:GetSecretValue"],
            resources=[*(secret_arn(ctx, name) for name in secret_names(catalog)), *extra_secrets],
        ),
        Statement(
            sid="DecryptSecrets",
            actions=["kms:Decrypt"],
            resources=[key],
            conditions=through(ctx, "secretsmanager"),
        ),
    ]


def task_statements(ctx: Context, service: str, key: pulumi.Input[str]) -> list[Statement]:
    """What the code of `service` may do by itself."""
    if service not in ctx.aws.execute_command:
        return []
    return [
        Statement(
            # Session Manager's channels have no resources of their own.
            sid="OperatorsShell",
            actions=[
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            resources=["*"],
        ),
        Statement(
            sid="RecordShell",
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[ctx.arn("logs", f"log-group:{exec_log_group_name(ctx)}:*")],
        ),
        Statement(sid="FindLogGroups", actions=["logs:DescribeLogGroups"], resources=["*"]),
        Statement(sid="EncryptShell", actions=["kms:Decrypt"], resources=[key]),
    ]


def exec_log_group_name(ctx: Context) -> str:
    """Where everything typed into an operator's shell is recorded."""
    return ctx.name("/ecs/agent-exchange/shell", Kind.LOG_GROUP)


def _repositories(ctx: Context, catalog: Catalog) -> list[str]:
    own = [ctx.arn("ecr", f"repository/{repository_name(ctx, service)}") for service in catalog.names]
    elsewhere = re.fullmatch(
        r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?(?P<path>(/[a-z0-9._-]+)*)",
        ctx.settings.image.registry or "",
    )
    if elsewhere is None:
        return own
    path = f"{elsewhere['path']}/".removeprefix("/")
    start = f"arn:{ctx.partition}:ecr:{elsewhere['region']}:{elsewhere['account']}:repository/{path}"
    return [f"{start}{service}" for service in catalog.names]


__all__ = [
    "OPERATIONS",
    "Identity",
    "exec_log_group_name",
    "execution_statements",
    "secret_arn",
    "task_statements",
    "through",
]
