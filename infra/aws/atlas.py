"""MongoDB Atlas instead of DocumentDB: the secret that people put the connection string into, and the way there.

Atlas itself is set up by people, as the guide has it: a cluster, a peering request to this stack's VPC, and a secret
`aex-mongo-uri`. Owns accepting the peering and the routes. The connection string is only ever referenced: it is neither
in the config nor in the state.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.aws.network import Network
from infra.components.naming import Kind
from infra.config import ConfigError

URI_SECRET = "aex-mongo-uri"  # noqa: S105 - a secret's name


class Atlas(pulumi.ComponentResource):
    """The peering and its routes."""

    def __init__(self, ctx: Context, network: Network, opts: pulumi.ResourceOptions | None = None) -> None:
        """Accept the peering that Atlas asked for, and send its network's traffic there."""
        super().__init__("agent-exchange:aws:Atlas", "atlas", None, opts)
        wanted = ctx.aws.database
        if wanted.atlas_peering is None or wanted.atlas_cidr is None:
            raise ValueError("Atlas is reached by peering: set aws.database.atlasPeering and atlasCidr")
        accepted = aws.ec2.VpcPeeringConnectionAccepter(
            "peering",
            vpc_peering_connection_id=wanted.atlas_peering,
            auto_accept=True,
            tags=ctx.tags(name="aex-atlas"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for zone, table in zip(network.place.zones, network.private_tables, strict=True):
            aws.ec2.Route(
                f"atlas-{zone}",
                route_table_id=table.id,
                destination_cidr_block=wanted.atlas_cidr,
                vpc_peering_connection_id=accepted.id,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def uri_secret_arn(ctx: Context) -> str:
    """The ARN of the secret with the connection string; ConfigError that says how to make it when there is none."""
    name = ctx.name(URI_SECRET, Kind.AWS_SECRET)
    try:
        return aws.secretsmanager.get_secret(name=name).arn
    except Exception as error:
        # The provider reports everything as one kind of exception; its text is kept for what else it may be.
        raise ConfigError(
            ctx.stack,
            [
                f"agent-exchange:aws.database.kind: the connection string is taken from secret {name}, which cannot be "
                f"found ({error}): create it with `aws secretsmanager create-secret --name {name} --secret-string ...`"
            ],
        ) from error


__all__ = ["URI_SECRET", "Atlas", "uri_secret_arn"]
