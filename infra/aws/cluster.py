"""The ECS cluster of a stack, its namespace for calls between services, and where operators' shells are recorded."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.aws.identity import exec_log_group_name
from infra.aws.logs import log_group
from infra.components.naming import Kind


class Cluster(pulumi.ComponentResource):
    """Fargate, on demand or spare capacity."""

    cluster: aws.ecs.Cluster
    namespace: aws.servicediscovery.HttpNamespace
    capacity: aws.ecs.ClusterCapacityProviders

    def __init__(self, ctx: Context, key: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the cluster; what its tasks log about themselves is encrypted with `key`."""
        super().__init__("agent-exchange:aws:Cluster", "cluster", None, opts)
        name = cluster_name(ctx)
        insights = log_group(
            ctx, "container-insights", path=f"/aws/ecs/containerinsights/{name}/performance", key=key, parent=self
        )
        shell = log_group(ctx, "shell", path=exec_log_group_name(ctx), key=key, parent=self)
        self.namespace = aws.servicediscovery.HttpNamespace(
            "namespace",
            name=ctx.name("aex", Kind.NAMESPACE),
            description="Calls between services of Agent Exchange",
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.cluster = aws.ecs.Cluster(
            "cluster",
            name=name,
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value="enabled")],
            configuration=aws.ecs.ClusterConfigurationArgs(
                execute_command_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
                    kms_key_id=key,
                    logging="OVERRIDE",
                    log_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
                        cloud_watch_encryption_enabled=True, cloud_watch_log_group_name=shell.name
                    ),
                )
            ),
            service_connect_defaults=aws.ecs.ClusterServiceConnectDefaultsArgs(namespace=self.namespace.arn),
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[insights]),
        )
        self.capacity = aws.ecs.ClusterCapacityProviders(
            "capacity",
            cluster_name=self.cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategies=[
                aws.ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(
                    capacity_provider="FARGATE", weight=1, base=0
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": self.cluster.name})


def cluster_name(ctx: Context) -> str:
    """The cluster's name, which metrics and scaling go by."""
    return ctx.name("aex-cluster", Kind.ECS)


__all__ = ["Cluster", "cluster_name"]
