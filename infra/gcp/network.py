"""The VPC of a stack: how services reach each other without leaving Google's network, and the internet.

A service whose ingress is internal counts a call as internal only if it comes through a VPC. So `run.app` resolves, in
this network, to Google's private range, which egress for private ranges carries through the VPC; Private Google Access
answers there. Everything else stays closed. Calls to the internet do not pass through here, unless a fixed address is
asked for (`nat`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.config.gcp import Egress
from infra.gcp.context import Context

GOOGLE_PRIVATE_RANGE: Final = "199.36.153.8/30"
"""private.googleapis.com: reachable only from inside Google's network, routed by the default route."""
_GOOGLE_PRIVATE_ADDRESSES: Final = ("199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11")

_LAST_PRIORITY: Final = 65534
"""Just before the rules that Google's networks imply, which let everything out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """How a revision or a job reaches the network: either a connector, or an interface of its own."""

    all_traffic: bool
    """Whether calls to the internet go through the network too, as a fixed address needs."""
    connector: pulumi.Output[str] | None = None
    network: pulumi.Output[str] | None = None
    subnetwork: pulumi.Output[str] | None = None

    def __post_init__(self) -> None:
        """Refuse both ways at once, neither, and half of the second."""
        direct = [part for part in (self.network, self.subnetwork) if part is not None]
        if len(direct) != (2 if self.connector is None else 0):
            raise ValueError("an outlet is one thing: give either connector, or network and subnetwork")

    @property
    def egress(self) -> str:
        """As Cloud Run calls it."""
        return "ALL_TRAFFIC" if self.all_traffic else "PRIVATE_RANGES_ONLY"


class Network(pulumi.ComponentResource):
    """VPC, subnet, private DNS, firewall; connector and NAT where they are asked for."""

    network: gcp.compute.Network
    outlet: Outlet
    ready: list[pulumi.Resource]
    """What calls between services need beyond the outlet."""

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the network as the config has it."""
        super().__init__("agent-exchange:gcp:Network", "network", None, opts)
        self._ctx = ctx
        self.network = gcp.compute.Network(
            "vpc",
            name=ctx.name("aex-vpc", Kind.GOOGLE_NETWORK),
            description="Agent Exchange",
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            # The way to Google's private range, and out.
            delete_default_routes_on_create=False,
            opts=ctx.child(self),
        )
        self._subnet = self._subnetwork()
        self.outlet = self._outlet()
        self.ready = [*self._private_names(), *self._firewall()]
        if ctx.gcp.network.nat:
            self.ready.append(self._nat())
        self.register_outputs({})

    def _subnetwork(self) -> gcp.compute.Subnetwork:
        ctx = self._ctx
        return gcp.compute.Subnetwork(
            "subnet",
            name=ctx.name("aex-subnet", Kind.GOOGLE_NETWORK),
            description="Services of Agent Exchange",
            network=self.network.id,
            region=ctx.region,
            ip_cidr_range=ctx.gcp.network.cidr,
            private_ip_google_access=True,
            stack_type="IPV4_ONLY",
            log_config=gcp.compute.SubnetworkLogConfigArgs(
                aggregation_interval="INTERVAL_10_MIN", flow_sampling=0.5, metadata="INCLUDE_ALL_METADATA"
            ),
            # Direct egress keeps addresses of it for up to two hours after the last service: until then Google
            # refuses to delete it, at once, which no time-out would change.
            opts=ctx.child(self),
        )

    def _outlet(self) -> Outlet:
        ctx, all_traffic = self._ctx, self._ctx.gcp.network.nat
        if ctx.gcp.network.egress is not Egress.CONNECTOR:
            return Outlet(all_traffic=all_traffic, network=self.network.id, subnetwork=self._subnet.id)
        connector = gcp.vpcaccess.Connector(
            "connector",
            name=ctx.name("aex-connector", Kind.VPC_CONNECTOR),
            region=ctx.region,
            network=self.network.name,
            ip_cidr_range=ctx.gcp.network.connector_cidr,
            machine_type="e2-micro",
            min_instances=2,
            max_instances=3,
            opts=ctx.child(self, after=[self._subnet]),
        )
        return Outlet(all_traffic=all_traffic, connector=connector.id)

    def _private_names(self) -> list[pulumi.Resource]:
        """`run.app` and everything below it, inside this network only."""
        ctx = self._ctx
        zone = gcp.dns.ManagedZone(
            "run-app",
            name=ctx.name("aex-run-app", Kind.GOOGLE_NETWORK),
            description="Keeps calls between services inside Google's network",
            dns_name="run.app.",
            visibility="private",
            private_visibility_config=gcp.dns.ManagedZonePrivateVisibilityConfigArgs(
                networks=[gcp.dns.ManagedZonePrivateVisibilityConfigNetworkArgs(network_url=self.network.id)]
            ),
            labels=ctx.labels(),
            opts=ctx.child(self),
        )
        return [
            gcp.dns.RecordSet(
                f"run-app-{name}",
                managed_zone=zone.name,
                name=domain,
                type=kind,
                ttl=300,
                rrdatas=values,
                opts=ctx.child(self),
            )
            for name, domain, kind, values in (
                ("addresses", "run.app.", "A", list(_GOOGLE_PRIVATE_ADDRESSES)),
                ("names", "*.run.app.", "CNAME", ["run.app."]),
            )
        ]

    def _firewall(self) -> list[pulumi.Resource]:
        """Nothing in; out only to Google's private range, and to where a fixed address is used."""
        out = [GOOGLE_PRIVATE_RANGE, *(["0.0.0.0/0"] if self._ctx.gcp.network.nat else [])]
        return [
            self._rule("deny-ingress", "INGRESS", "Nothing in this network takes connections", ["0.0.0.0/0"]),
            self._rule("deny-egress", "EGRESS", "Whatever no other rule allows", ["0.0.0.0/0"]),
            self._rule("allow-google", "EGRESS", "Calls between services, by HTTPS", out, port="443"),
        ]

    def _rule(
        self, name: str, direction: str, description: str, ranges: list[str], *, port: str | None = None
    ) -> gcp.compute.Firewall:
        ctx = self._ctx
        return gcp.compute.Firewall(
            name,
            name=ctx.name(f"aex-{name}", Kind.GOOGLE_NETWORK),
            description=description,
            network=self.network.id,
            direction=direction,
            priority=_LAST_PRIORITY if port is None else 1000,
            source_ranges=ranges if direction == "INGRESS" else None,
            destination_ranges=ranges if direction == "EGRESS" else None,
            allows=[gcp.compute.FirewallAllowArgs(protocol="tcp", ports=[port])] if port else None,
            denies=[gcp.compute.FirewallDenyArgs(protocol="all")] if port is None else None,
            log_config=gcp.compute.FirewallLogConfigArgs(metadata="INCLUDE_ALL_METADATA") if port is None else None,
            opts=ctx.child(self),
        )

    def _nat(self) -> gcp.compute.RouterNat:
        """A fixed address for calls to the internet: webhooks whose receivers keep a list of who may call."""
        ctx = self._ctx
        router = gcp.compute.Router(
            "router",
            name=ctx.name("aex-router", Kind.GOOGLE_NETWORK),
            network=self.network.id,
            region=ctx.region,
            opts=ctx.child(self),
        )
        address = gcp.compute.Address(
            "nat",
            name=ctx.name("aex-nat", Kind.GOOGLE_NETWORK),
            region=ctx.region,
            address_type="EXTERNAL",
            labels=ctx.labels(),
            opts=ctx.child(self),
        )
        return gcp.compute.RouterNat(
            "nat",
            name=ctx.name("aex-nat", Kind.GOOGLE_NETWORK),
            router=router.name,
            region=ctx.region,
            nat_ip_allocate_option="MANUAL_ONLY",
            nat_ips=[address.self_link],
            source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
            log_config=gcp.compute.RouterNatLogConfigArgs(enable=True, filter="ERRORS_ONLY"),
            opts=ctx.child(self),
        )


__all__ = ["GOOGLE_PRIVATE_RANGE", "Network", "Outlet"]
