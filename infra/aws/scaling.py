"""How many tasks a service has: tracked by CPU and memory, and for the public one by requests per task.

Target tracking adds quickly (60 s) and takes away slowly (300 s), as the guide has it. A fixed number needs none.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.cluster import cluster_name
from infra.aws.context import Context
from infra.aws.service import AwsService, Tasks
from infra.components.model import Service
from infra.components.naming import Kind

CPU_PERCENT: Final = 70
MEMORY_PERCENT: Final = 75
"""Below the alarm's 85, so that scaling comes before the alarm."""
REQUESTS_PER_TASK: Final = 3000
"""Per minute; half of what one gateway task of the guide's size forwards in the benchmarks' slowest run."""
_OUT_SECONDS: Final = 60
_IN_SECONDS: Final = 300


class Scaling(pulumi.ComponentResource):
    """The scaler of one service."""

    def __init__(
        self,
        ctx: Context,
        service: Service,
        tasks: Tasks,
        deployed: AwsService,
        *,
        requests_label: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`requests_label` is load balancer and target group, as the metric wants them; for the public service only."""
        super().__init__("agent-exchange:aws:Scaling", service.name, None, opts)
        if tasks.fixed:
            raise ValueError(f"{service.name} has a fixed number of tasks: declare no scaler, or give it a range")
        if (requests_label is not None) is not service.public:
            raise ValueError(
                f"{service.name}: requests are counted at the door, so give a label to the public service only"
            )
        target = aws.appautoscaling.Target(
            service.name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", cluster_name(ctx), "/", deployed.service.name),
            min_capacity=tasks.minimum,
            max_capacity=tasks.maximum,
            tags=ctx.tags(service=service.name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._track(ctx, service.name, "cpu", target, "ECSServiceAverageCPUUtilization", CPU_PERCENT)
        self._track(ctx, service.name, "memory", target, "ECSServiceAverageMemoryUtilization", MEMORY_PERCENT)
        if requests_label is not None:
            self._track(
                ctx, service.name, "requests", target, "ALBRequestCountPerTarget", REQUESTS_PER_TASK, requests_label
            )
        self.register_outputs({})

    def _track(
        self,
        ctx: Context,
        service: str,
        what: str,
        target: aws.appautoscaling.Target,
        metric: str,
        value: float,
        label: pulumi.Input[str] | None = None,
    ) -> None:
        aws.appautoscaling.Policy(
            f"{service}-{what}",
            name=ctx.name(f"{service}-{what}-tracking", Kind.ALARM),
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=value,
                scale_out_cooldown=_OUT_SECONDS,
                scale_in_cooldown=_IN_SECONDS,
                disable_scale_in=False,
                predefined_metric_specification=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                    predefined_metric_type=metric, resource_label=label
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def tasks_of(ctx: Context, service: Service) -> Tasks:
    """The range of a service in this stack: catalog and environment, narrowed or widened by config."""
    override = ctx.aws.scaling.get(service.name)
    if override is not None and override.fixed is not None:
        return Tasks(minimum=override.fixed, maximum=override.fixed, fixed=True)
    minimum = override.minimum if override and override.minimum is not None else ctx.aws.minimum_instances
    maximum = override.maximum if override and override.maximum is not None else service.scaling.maximum
    return Tasks(minimum=minimum, maximum=maximum, fixed=False)


__all__ = ["CPU_PERCENT", "MEMORY_PERCENT", "REQUESTS_PER_TASK", "Scaling", "tasks_of"]
