"""What services stand on: network, private endpoints and database, whoever owns them.

A stack has these for itself, or lives in those of another stack (`database.kind: shared`): then it costs no NAT
gateway, no endpoints and no cluster, and has databases of its own beside its neighbour's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from infra.aws.atlas import Atlas
from infra.aws.context import Context
from infra.aws.database import Database
from infra.aws.endpoints import Endpoints
from infra.aws.network import Network, Place
from infra.config import ConfigError
from infra.config.aws import Database as Kind

PART = "foundation"
"""The output that tells other stacks where they may live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What the rest of the platform uses."""

    place: Place
    s3_prefix_list: pulumi.Input[str]
    endpoints: pulumi.Input[str] | None
    database_group: pulumi.Input[str] | None
    database_endpoint: pulumi.Input[str] | None
    master_secret_arn: pulumi.Input[str] | None
    atlas_cidr: str | None = None
    own_database: pulumi.Input[str] | None = None
    """Identifier of the stack's own cluster, which it watches itself."""
    nat_gateways: Sequence[aws.ec2.NatGateway] = ()
    ready: Sequence[pulumi.Resource] = field(default_factory=tuple[pulumi.Resource, ...])
    """What tasks need before they can start."""

    def outputs(self) -> dict[str, pulumi.Input[object]]:
        """For stacks that share it. Nothing here is secret: the master password stays where AWS keeps it."""
        return {
            "vpcId": self.place.vpc_id,
            "publicSubnets": list(self.place.public_subnets),
            "privateSubnets": list(self.place.private_subnets),
            "dataSubnets": list(self.place.data_subnets),
            "zones": list(self.place.zones),
            "s3PrefixList": self.s3_prefix_list,
            "endpoints": _text(self.endpoints),
            "databaseGroup": _text(self.database_group),
            "databaseEndpoint": _text(self.database_endpoint),
            "masterSecret": _text(self.master_secret_arn),
        }


def _text(value: pulumi.Input[str] | None) -> pulumi.Input[str]:
    return "" if value is None else value


def own_foundation(ctx: Context, key: pulumi.Input[str], parent: pulumi.Resource) -> Foundation:
    """A network, and DocumentDB or the way to Atlas, for this stack alone."""
    child = pulumi.ResourceOptions(parent=parent)
    network = Network(ctx, zones_of(ctx), key, child)
    endpoints = Endpoints(ctx, network, child)
    on_atlas = ctx.aws.database.kind is Kind.ATLAS
    database = None if on_atlas else Database(ctx, network.place, key, child)
    store: pulumi.Resource = database if database is not None else Atlas(ctx, network, child)
    return Foundation(
        place=network.place,
        s3_prefix_list=endpoints.s3_prefix_list,
        endpoints=endpoints.security_group.id if endpoints.security_group is not None else None,
        database_group=database.security_group.id if database is not None else None,
        database_endpoint=database.endpoint if database is not None else None,
        master_secret_arn=database.master_secret_arn if database is not None else None,
        atlas_cidr=ctx.aws.database.atlas_cidr,
        own_database=database.cluster.cluster_identifier if database is not None else None,
        nat_gateways=network.nat_gateways,
        ready=[network, endpoints, store],
    )


def shared_foundation(ctx: Context, parent: pulumi.Resource) -> Foundation:
    """The network and the cluster of another stack of this project, from its outputs."""
    owner = ctx.aws.database.owner
    stack = pulumi.StackReference(
        owner,
        stack_name=f"{pulumi.get_organization()}/{pulumi.get_project()}/{owner}",
        opts=pulumi.ResourceOptions(parent=parent),
    )
    # The outputs of a stack are secret as a whole, because its API key is among them; this part of them is not.
    part = pulumi.Output.unsecret(stack.require_output("aws").apply(lambda outputs: outputs[PART]))

    def text(key: str) -> pulumi.Output[str]:
        return part.apply(lambda found: needed(owner, key, found[key]))

    def each(key: str) -> list[pulumi.Output[str]]:
        # How many zones there are decides how much is declared, so it is not taken from a value that is known later.
        return [part.apply(lambda found, at=at: str(found[key][at])) for at in range(_SHARED_ZONES)]

    return Foundation(
        place=Place(
            vpc_id=text("vpcId"),
            public_subnets=each("publicSubnets"),
            private_subnets=each("privateSubnets"),
            data_subnets=each("dataSubnets"),
            zones=[],
        ),
        s3_prefix_list=text("s3PrefixList"),
        endpoints=text("endpoints"),
        database_group=text("databaseGroup"),
        database_endpoint=text("databaseEndpoint"),
        master_secret_arn=text("masterSecret"),
    )


def needed(owner: str, key: str, value: object) -> str:
    """What a stack must have to be shared. Whether it has is known only from its outputs, not from our config."""
    if not value:
        raise ConfigError(
            owner,
            [
                f"agent-exchange:aws: the stack has no {key}, which the stacks that live in it need: set "
                "network.interfaceEndpoints to true and database.kind to documentdb there, or database.kind to "
                "documentdb in the ephemeral stack"
            ],
        )
    return str(value)


_SHARED_ZONES = 2
"""Ephemeral stacks use two zones of their host's."""


def zones_of(ctx: Context) -> list[str]:
    """The configured zones, or the first two that the region offers to everybody."""
    if ctx.aws.network.availability_zones:
        return list(ctx.aws.network.availability_zones)
    # Local and wavelength zones need an opt-in, and have neither NAT gateways nor DocumentDB.
    found = aws.get_availability_zones(
        state="available",
        filters=[aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])],
    )
    return sorted(found.names)[:2]


__all__ = ["PART", "Foundation", "needed", "own_foundation", "shared_foundation", "zones_of"]
