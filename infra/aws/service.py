"""One service of the exchange on ECS Fargate: task definition, log group, rollback alarms, service.

Owns how a service runs and is replaced. Does not own its role, security group and secrets, nor how many tasks there are
once it runs (`scaling.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.alarms import Door, alarm, rollback_dimensions, rollback_rules
from infra.aws.container import GRACE_SECONDS, LONGEST_REQUEST_SECONDS, ContainerArgs, container_definitions
from infra.aws.context import Context
from infra.aws.deployed import marked
from infra.aws.ecs_hooks import checked_service
from infra.aws.logs import log_group, service_log_group_name
from infra.components.model import Service
from infra.components.naming import Kind
from infra.components.sizing import fargate_problem

PLATFORM_VERSION: Final = "LATEST"
_STEADY_TIMEOUT: Final = "20m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """How many tasks: a range that a scaler moves in, or the same number as minimum and maximum."""

    minimum: int
    maximum: int
    fixed: bool

    def __post_init__(self) -> None:
        """Refuse a range that no scaler could keep."""
        if not 0 <= self.minimum <= self.maximum:
            raise ValueError(f"{self.minimum} to {self.maximum} tasks: give a minimum from 0 up to the maximum")
        if self.fixed and self.minimum != self.maximum:
            raise ValueError(f"{self.minimum} to {self.maximum} tasks are not fixed: give the same number twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsServiceArgs:
    """What the platform knows and the catalog does not."""

    image: pulumi.Input[str]
    """By digest."""
    cpu: int
    memory_mb: int
    tasks: Tasks
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, pulumi.Input[str]]
    execution_role: pulumi.Input[str]
    task_role: pulumi.Input[str]
    security_group: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    cluster: pulumi.Input[str]
    namespace: pulumi.Input[str]
    key: pulumi.Input[str]
    topic: pulumi.Input[str]
    target_group: pulumi.Input[str] | None = None
    """Where the load balancer finds the tasks; for the public service only."""
    door: Door | None = None
    after: Sequence[pulumi.Resource] = ()
    """What must be there before the tasks are, and must go after them: callees, rules, the operations task."""
    before: pulumi.ResourceHook | None = None
    """What must have run before the service is made or changed: the database's users."""

    def __post_init__(self) -> None:
        """Refuse a size that Fargate does not have, and half a way in from the load balancer."""
        problem = fargate_problem(self.cpu, self.memory_mb)
        if problem:
            raise ValueError(problem)
        if (self.target_group is None) is not (self.door is None):
            raise ValueError("target_group and door belong together: give both for the public service, else neither")
        if len(self.subnets) < 2:
            raise ValueError(f"{len(self.subnets)} subnets: give one in each of at least two zones")


class AwsService(pulumi.ComponentResource):
    """Runs one service of the catalog."""

    service: aws.ecs.Service
    definition: aws.ecs.TaskDefinition
    url: str
    """Base URL for those who may call it, known before anything runs."""

    def __init__(self, ctx: Context, service: Service, args: AwsServiceArgs, opts: pulumi.ResourceOptions) -> None:
        """Deploy the service."""
        super().__init__("agent-exchange:aws:Service", service.name, None, opts)
        self._ctx, self._of, self._args = ctx, service, args
        self.url = service_url(service)
        self.log_group = log_group(
            ctx,
            service.name,
            path=service_log_group_name(ctx, service.name),
            key=args.key,
            parent=self,
            service=service.name,
        )
        self.definition = self._task_definition()
        self.rollback_alarms = [
            alarm(
                ctx,
                service.name,
                rule,
                rollback_dimensions(ctx, service.name, args.door),
                topic=args.topic,
                opts=pulumi.ResourceOptions(parent=self),
                service=service.name,
            )
            for rule in rollback_rules(args.door)
        ]
        self.service = self._service()
        self.register_outputs({"url": self.url})

    def _task_definition(self) -> aws.ecs.TaskDefinition:
        ctx, args, name = self._ctx, self._args, self._of.name
        return aws.ecs.TaskDefinition(
            name,
            family=ctx.name(name, Kind.ECS),
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(args.cpu),
            memory=str(args.memory_mb),
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                cpu_architecture=ctx.aws.architecture.value.upper(), operating_system_family="LINUX"
            ),
            execution_role_arn=args.execution_role,
            task_role_arn=args.task_role,
            container_definitions=container_definitions(
                ContainerArgs(
                    name=name,
                    image=args.image,
                    memory_mb=args.memory_mb,
                    port=self._of.port,
                    environment={**args.environment, "SHUTDOWN_GRACE_SECONDS": str(GRACE_SECONDS)},
                    secrets=args.secrets,
                    command=("python", "-m", "aex", "serve", name),
                    log_group=service_log_group_name(ctx, name),
                    region=ctx.region,
                    writable=name in ctx.aws.execute_command,
                )
            ),
            # ECS keeps inactive revisions, and going back to one is a deployment of its digest.
            skip_destroy=False,
            tags=ctx.tags(service=name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.log_group], hooks=marked(name)),
        )

    def _service(self) -> aws.ecs.Service:
        ctx, args, name = self._ctx, self._args, self._of.name
        return aws.ecs.Service(
            name,
            name=ctx.name(name, Kind.ECS),
            cluster=args.cluster,
            task_definition=self.definition.arn,
            desired_count=args.tasks.minimum,
            capacity_provider_strategies=_capacity(spot=ctx.aws.spot, protected=args.tasks.minimum),
            platform_version=PLATFORM_VERSION,
            scheduling_strategy="REPLICA",
            availability_zone_rebalancing="ENABLED",
            deployment_controller=aws.ecs.ServiceDeploymentControllerArgs(type="ECS"),
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            alarms=aws.ecs.ServiceAlarmsArgs(
                alarm_names=[each.name for each in self.rollback_alarms], enable=True, rollback=True
            ),
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnets, security_groups=[args.security_group], assign_public_ip=False
            ),
            service_connect_configuration=self._connect(),
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=args.target_group, container_name=name, container_port=self._of.port
                )
            ]
            if args.target_group is not None
            else None,
            health_check_grace_period_seconds=60 if args.target_group is not None else None,
            enable_execute_command=name in ctx.aws.execute_command,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            force_new_deployment=True,
            triggers={"restart": ctx.aws.restart.get(name, "never"), "calls": _calls(self._of)},
            wait_for_steady_state=True,
            sigint_rollback=True,
            tags=ctx.tags(service=name),
            opts=pulumi.ResourceOptions(
                parent=self,
                # On the service itself: what only its component depends on is unknown to the engine at a teardown.
                depends_on=list(args.after),
                # How many tasks there are is the scaler's business once the service exists.
                ignore_changes=None if args.tasks.fixed else ["desiredCount"],
                custom_timeouts=pulumi.CustomTimeouts(
                    create=_STEADY_TIMEOUT, update=_STEADY_TIMEOUT, delete=_STEADY_TIMEOUT
                ),
                hooks=checked_service(name, args.before),
            ),
        )

    def _connect(self) -> aws.ecs.ServiceServiceConnectConfigurationArgs:
        """All can call; those that are called are found under their catalog name and port."""
        ctx, service = self._ctx, self._of
        called = [
            aws.ecs.ServiceServiceConnectConfigurationServiceArgs(
                port_name=service.name,
                discovery_name=ctx.name(service.name, Kind.DISCOVERY),
                client_alias=[
                    aws.ecs.ServiceServiceConnectConfigurationServiceClientAliasArgs(
                        dns_name=service.name, port=service.port
                    )
                ],
                timeout=aws.ecs.ServiceServiceConnectConfigurationServiceTimeoutArgs(
                    per_request_timeout_seconds=LONGEST_REQUEST_SECONDS, idle_timeout_seconds=300
                ),
            )
        ]
        return aws.ecs.ServiceServiceConnectConfigurationArgs(
            enabled=True,
            namespace=self._args.namespace,
            services=[] if service.public else called,
            log_configuration=aws.ecs.ServiceServiceConnectConfigurationLogConfigurationArgs(
                log_driver="awslogs",
                options={
                    "awslogs-group": service_log_group_name(ctx, service.name),
                    "awslogs-region": ctx.region,
                    "awslogs-stream-prefix": "proxy",
                    "mode": "non-blocking",
                },
            ),
        )


def service_url(service: Service) -> str:
    """Where callers find a service: the name that Service Connect gives it, and its own port."""
    return f"http://{service.name}:{service.port}"


def _calls(service: Service) -> str:
    """A new callee is visible only to tasks that start after it: a change of this text restarts the callers once."""
    return " ".join(sorted(call.service for call in service.calls)) or "nobody"


def _capacity(*, spot: bool, protected: int) -> list[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    """On demand; or with `spot` one task on demand and the rest on capacity that may be taken back."""
    strategy = aws.ecs.ServiceCapacityProviderStrategyArgs
    if not spot:
        return [strategy(capacity_provider="FARGATE", base=0, weight=1)]
    return [
        strategy(capacity_provider="FARGATE", base=min(protected, 1), weight=0),
        strategy(capacity_provider="FARGATE_SPOT", base=0, weight=1),
    ]


__all__ = ["AwsService", "AwsServiceArgs", "Tasks", "service_url"]
