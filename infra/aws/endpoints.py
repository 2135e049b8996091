"""Private ways from the stack's tasks to AWS's own services, so that nothing of it needs the internet.

Owns the endpoints and their security group. The gateway endpoint for S3 is always there: it is free, and every image
layer comes through it. Interface endpoints cost by the hour and zone and are switched by config.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.aws.exports import exports_way
from infra.aws.iam import Statement, document
from infra.aws.network import Network
from infra.components.naming import Kind
from infra.config.aws import Nat

SERVICES: Final = (
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "kms",
    "logs",
    "secretsmanager",
    "ssmmessages",
    "xray",
)
"""What a task talks to: images, Service Connect's control plane and metrics (the three of ECS), keys, logs, secrets,
operators' shells, traces."""


class Endpoints(pulumi.ComponentResource):
    """S3's gateway endpoint, and interface endpoints when the stack wants them."""

    s3_prefix_list: pulumi.Output[str]
    security_group: aws.ec2.SecurityGroup | None

    def __init__(self, ctx: Context, network: Network, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare them."""
        super().__init__("agent-exchange:aws:Endpoints", "endpoints", None, opts)
        gateway = aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=network.vpc.id,
            service_name=f"com.amazonaws.{ctx.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in network.private_tables],
            policy=document([_layers(ctx), exports_way(ctx)]),
            tags=ctx.tags(name="aex-s3"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.s3_prefix_list = gateway.prefix_list_id
        self.security_group = None
        if ctx.aws.network.interface_endpoints:
            self.security_group = self._interfaces(ctx, network)
        self.register_outputs({"s3PrefixList": self.s3_prefix_list})

    def _interfaces(self, ctx: Context, network: Network) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            "endpoints",
            name=ctx.name("aex-endpoints", Kind.SECURITY_GROUP),
            description="Private endpoints of AWS services",
            vpc_id=network.vpc.id,
            tags=ctx.tags(name="aex-endpoints"),
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(delete="30m")),
        )
        # A stack that saves on NAT saves here too: an endpoint in one zone serves both, at the price of that zone.
        subnets: Sequence[pulumi.Input[str]] = network.place.private_subnets
        if ctx.aws.network.nat is Nat.SINGLE:
            subnets = subnets[:1]
        for service in SERVICES:
            aws.ec2.VpcEndpoint(
                service.replace(".", "-"),
                vpc_id=network.vpc.id,
                service_name=f"com.amazonaws.{ctx.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=subnets,
                security_group_ids=[group.id],
                tags=ctx.tags(name=f"aex-{service.replace('.', '-')}"),
                opts=pulumi.ResourceOptions(parent=self),
            )
        return group


def _layers(ctx: Context) -> Statement:
    """Image layers of this region. With exports that is all: no data leaves through somebody else's bucket."""
    return Statement(
        sid="ImageLayers",
        actions=["s3:GetObject"],
        resources=[f"arn:{ctx.partition}:s3:::prod-{ctx.region}-starport-layer-bucket/*"],
        principals={"AWS": "*"},
    )


__all__ = ["SERVICES", "Endpoints"]
