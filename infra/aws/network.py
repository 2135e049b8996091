"""The VPC of a stack: public, private and isolated data subnets, the ways out, flow logs, and a closed default group.

Owns addresses, routes and gateways. Does not own private endpoints (`endpoints.py`) nor security groups of services
(`security_groups.py`). Data subnets have no route to anywhere outside the VPC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.addresses import plan
from infra.aws.context import Context
from infra.aws.iam import Statement, role, trusted_service
from infra.aws.logs import log_group
from infra.components.naming import Kind
from infra.config.aws import Nat

_ANYWHERE = "0.0.0.0/0"
_DELETE_TIMEOUT = "30m"
"""Network interfaces of tasks outlive the tasks by some minutes, and nothing below them can be deleted before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where tasks run: what other components need of a network, whoever owns it."""

    vpc_id: pulumi.Input[str]
    public_subnets: Sequence[pulumi.Input[str]]
    private_subnets: Sequence[pulumi.Input[str]]
    data_subnets: Sequence[pulumi.Input[str]]
    zones: Sequence[str]
    """Empty where another stack owns the network, and knows them."""

    def __post_init__(self) -> None:
        """Refuse a place that one zone's failure takes away."""
        for kind, subnets in (
            ("public", self.public_subnets),
            ("private", self.private_subnets),
            ("data", self.data_subnets),
        ):
            if len(subnets) < 2:
                raise ValueError(f"{len(subnets)} {kind} subnets: give one in each of at least two zones")


class Network(pulumi.ComponentResource):
    """VPC, subnets, routes."""

    place: Place
    private_tables: list[aws.ec2.RouteTable]
    """One per zone."""
    nat_gateways: list[aws.ec2.NatGateway]
    vpc: aws.ec2.Vpc

    def __init__(
        self, ctx: Context, zones: Sequence[str], key: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare the network in `zones`; flow logs are encrypted with `key`."""
        super().__init__("agent-exchange:aws:Network", "network", None, opts)
        self._ctx, self._zones = ctx, zones
        if len(set(zones)) != len(zones):
            raise ValueError(f"a zone is named twice in {', '.join(zones)}: name each once")
        addresses = plan(ctx.aws.network.cidr, len(zones))
        self.vpc = aws.ec2.Vpc(
            "vpc",
            cidr_block=ctx.aws.network.cidr,
            enable_dns_support=True,
            # Private endpoints and the database are found by name.
            enable_dns_hostnames=True,
            tags=ctx.tags(name="aex-vpc"),
            opts=self._child(),
        )
        aws.ec2.DefaultSecurityGroup(
            "default", vpc_id=self.vpc.id, ingress=[], egress=[], tags=ctx.tags(name="aex-closed"), opts=self._child()
        )
        public = self._subnets("public", addresses.public)
        private = self._subnets("private", addresses.private)
        data = self._subnets("data", addresses.data)
        gateway = aws.ec2.InternetGateway(
            "internet", vpc_id=self.vpc.id, tags=ctx.tags(name="aex-internet"), opts=self._child()
        )
        outward = self._table("public", public)
        aws.ec2.Route(
            "public-internet",
            route_table_id=outward.id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child(),
        )
        self._table("data", data)
        self.private_tables = [
            self._table(f"private-{zone}", [subnet], suffix=f"-{zone}")
            for zone, subnet in zip(zones, private, strict=True)
        ]
        self.nat_gateways = self._nat(public, gateway)
        self._flow_logs(key)
        self.place = Place(
            vpc_id=self.vpc.id,
            public_subnets=[subnet.id for subnet in public],
            private_subnets=[subnet.id for subnet in private],
            data_subnets=[subnet.id for subnet in data],
            zones=zones,
        )
        self.register_outputs({"vpcId": self.vpc.id})

    def _child(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self, depends_on=list(depends_on), custom_timeouts=pulumi.CustomTimeouts(delete=_DELETE_TIMEOUT)
        )

    def _subnets(self, kind: str, blocks: Sequence[str]) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{kind}-{zone}",
                vpc_id=self.vpc.id,
                availability_zone=zone,
                cidr_block=block,
                # The load balancer and the NAT gateways bring their own addresses; nothing else belongs here.
                map_public_ip_on_launch=False,
                tags=self._ctx.tags(name=f"aex-{kind}-{zone}"),
                opts=self._child(),
            )
            for zone, block in zip(self._zones, blocks, strict=True)
        ]

    def _table(self, name: str, subnets: Sequence[aws.ec2.Subnet], suffix: str = "") -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            name, vpc_id=self.vpc.id, tags=self._ctx.tags(name=f"aex-{name}"), opts=self._child()
        )
        for zone, subnet in zip([suffix] if suffix else [f"-{zone}" for zone in self._zones], subnets, strict=True):
            aws.ec2.RouteTableAssociation(
                name if suffix else f"{name}{zone}", route_table_id=table.id, subnet_id=subnet.id, opts=self._child()
            )
        return table

    def _nat(self, public: Sequence[aws.ec2.Subnet], gateway: aws.ec2.InternetGateway) -> list[aws.ec2.NatGateway]:
        """NAT gateways, and each zone's route to the one in it, or to the only one."""
        wanted = {Nat.NONE: 0, Nat.SINGLE: 1, Nat.PER_AZ: len(self._zones)}[self._ctx.aws.network.nat]
        gateways: list[aws.ec2.NatGateway] = []
        for zone, subnet in list(zip(self._zones, public, strict=True))[:wanted]:
            address = aws.ec2.Eip(
                f"nat-{zone}", domain="vpc", tags=self._ctx.tags(name=f"aex-nat-{zone}"), opts=self._child(gateway)
            )
            gateways.append(
                aws.ec2.NatGateway(
                    f"nat-{zone}",
                    allocation_id=address.allocation_id,
                    subnet_id=subnet.id,
                    connectivity_type="public",
                    tags=self._ctx.tags(name=f"aex-nat-{zone}"),
                    opts=self._child(gateway),
                )
            )
        if gateways:
            for index, (zone, table) in enumerate(zip(self._zones, self.private_tables, strict=True)):
                aws.ec2.Route(
                    f"private-{zone}-internet",
                    route_table_id=table.id,
                    destination_cidr_block=_ANYWHERE,
                    nat_gateway_id=gateways[index % len(gateways)].id,
                    opts=self._child(),
                )
        return gateways

    def _flow_logs(self, key: pulumi.Input[str]) -> None:
        ctx = self._ctx
        path = ctx.name("/vpc/agent-exchange", Kind.LOG_GROUP)
        group = log_group(ctx, "flow-logs", path=path, key=key, parent=self)
        writer = role(
            ctx,
            "aex-flow-logs",
            description="Lets the VPC write its flow logs",
            trust=trusted_service(ctx, "vpc-flow-logs.amazonaws.com", ctx.arn("ec2", "vpc-flow-log/*")),
            statements=[
                Statement(
                    sid="WriteFlowLogs",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    resources=[ctx.arn("logs", f"log-group:{path}:*")],
                ),
                # AWS offers no narrower resource for the listing of log groups.
                Statement(sid="FindLogGroups", actions=["logs:DescribeLogGroups"], resources=["*"]),
            ],
            parent=self,
        )
        aws.ec2.FlowLog(
            "flow-logs",
            vpc_id=self.vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=writer.arn,
            max_aggregation_interval=600,
            tags=ctx.tags(name="aex-flow-logs"),
            opts=self._child(),
        )


__all__ = ["Network", "Place"]
