"""The only door to the internet: how clients reach the gateway, in the three ways that a stack can choose.

`public`: its address on run.app; the gateway's own keys are the authentication. `loadbalancer`: an HTTPS load balancer
with a domain and Cloud Armor, past which nobody gets. `iam`: run.app, for named members, who send Google's token in
`X-Serverless-Authorization`, so that `Authorization` stays the tenant's.

`door_of` is plain data, which the gateway is deployed with; `Ingress` is what stands in front of it once it is there.
Does not own the firewall's rules nor the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind, shortened
from infra.config.gcp import Access, Egress
from infra.gcp.context import Context
from infra.gcp.firewall import Firewall
from infra.gcp.service import INTERNAL, LOAD_BALANCER, OPEN, GcpService

_SCHEME: Final = "EXTERNAL_MANAGED"
_MINIMUM_TLS: Final = "TLS_1_2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How Cloud Run treats calls to one service."""

    ingress: str
    check_invokers: bool = True
    proxies: int = 0
    """How many of Google's proxies append to `X-Forwarded-For` what they saw; 0 for services that no client reaches."""
    invokers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """Members from outside the catalog."""

    def __post_init__(self) -> None:
        """Refuse members of whom nobody would ask anything."""
        if self.invokers and not self.check_invokers:
            raise ValueError("invokers are named and not checked: leave one of the two out")


def door_of(ctx: Context, *, public: bool, uptime_agent: pulumi.Input[str], operator: pulumi.Input[str]) -> Door:
    """The door of the gateway (`public`) or of one of the nine others, whose only way in is the call graph.

    `uptime_agent` and `operator` are the members that come through it beside the clients.
    """
    if not public:
        # Without a network of its own a stack's calls come from outside; IAM alone decides then.
        return Door(ingress=OPEN if ctx.gcp.network.egress is Egress.NONE else INTERNAL)
    match ctx.settings.gcp_access:
        case Access.LOADBALANCER:
            return Door(ingress=LOAD_BALANCER, check_invokers=False, proxies=2)
        case Access.IAM:
            named = {f"invoker-{number}": member for number, member in enumerate(ctx.gcp.invokers, start=1)}
            return Door(
                ingress=OPEN,
                proxies=1,
                invokers={**named, "uptime": uptime_agent, "operator": operator},
            )
        case _:
            return Door(ingress=OPEN, check_invokers=False, proxies=1)


class Ingress(pulumi.ComponentResource):
    """What is in front of the gateway: a load balancer, or nothing."""

    url: pulumi.Output[str]
    """Where clients go."""
    host: pulumi.Output[str]
    address: pulumi.Output[str] | None = None
    """What the domain must resolve to."""

    def __init__(self, ctx: Context, gateway: GcpService, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the door of the stack's access mode."""
        super().__init__("agent-exchange:gcp:Ingress", "ingress", None, opts)
        self._ctx = ctx
        domain = ctx.gcp.domain
        if ctx.settings.gcp_access is Access.LOADBALANCER and domain is not None:
            self.address = self._load_balancer(gateway, domain)
            self.url = pulumi.Output.from_input(f"https://{domain}")
        else:
            self.url = gateway.url
        self.host = self.url.apply(lambda url: url.removeprefix("https://"))
        self.register_outputs({"url": self.url})

    def _load_balancer(self, gateway: GcpService, domain: str) -> pulumi.Output[str]:
        ctx = self._ctx
        address = gcp.compute.GlobalAddress(
            "address",
            name=ctx.name("aex-address", Kind.GOOGLE_NETWORK),
            description="Where clients of Agent Exchange connect to",
            address_type="EXTERNAL",
            ip_version="IPV4",
            labels=ctx.labels(),
            # Not data, but nobody gets the same address again, and other people's DNS may point to it.
            opts=ctx.stateful(self),
        )
        forwarding = gcp.compute.URLMap(
            "https",
            name=ctx.name("aex-https", Kind.GOOGLE_NETWORK),
            default_service=self._backend(gateway).id,
            opts=ctx.child(self),
        )
        redirect = gcp.compute.URLMap(
            "http",
            name=ctx.name("aex-http", Kind.GOOGLE_NETWORK),
            default_url_redirect=gcp.compute.URLMapDefaultUrlRedirectArgs(
                https_redirect=True, redirect_response_code="MOVED_PERMANENTLY_DEFAULT", strip_query=False
            ),
            opts=ctx.child(self),
        )
        secure = gcp.compute.TargetHttpsProxy(
            "https",
            name=ctx.name("aex-https", Kind.GOOGLE_NETWORK),
            url_map=forwarding.id,
            ssl_certificates=[self._certificate(domain)],
            ssl_policy=gcp.compute.SSLPolicy(
                "tls",
                name=ctx.name("aex-tls", Kind.GOOGLE_NETWORK),
                profile="MODERN",
                min_tls_version=_MINIMUM_TLS,
                opts=ctx.child(self),
            ).id,
            opts=ctx.child(self),
        )
        plain = gcp.compute.TargetHttpProxy(
            "http", name=ctx.name("aex-http", Kind.GOOGLE_NETWORK), url_map=redirect.id, opts=ctx.child(self)
        )
        self._listen("https", 443, secure.id, address)
        self._listen("http", 80, plain.id, address)
        if ctx.gcp.zone is not None:
            self._record(domain, ctx.gcp.zone, address)
        return address.address

    def _backend(self, gateway: GcpService) -> gcp.compute.BackendService:
        ctx = self._ctx
        group = gcp.compute.RegionNetworkEndpointGroup(
            "gateway",
            name=ctx.name("aex-gateway", Kind.GOOGLE_NETWORK),
            region=ctx.region,
            network_endpoint_type="SERVERLESS",
            cloud_run=gcp.compute.RegionNetworkEndpointGroupCloudRunArgs(service=gateway.service.name),
            opts=ctx.child(self),
        )
        return gcp.compute.BackendService(
            "gateway",
            name=ctx.name("aex-gateway", Kind.GOOGLE_NETWORK),
            description="The gateway of Agent Exchange",
            load_balancing_scheme=_SCHEME,
            protocol="HTTPS",
            enable_cdn=False,
            backends=[gcp.compute.BackendServiceBackendArgs(group=group.id)],
            security_policy=Firewall(ctx, pulumi.ResourceOptions(parent=self)).policy.id,
            log_config=gcp.compute.BackendServiceLogConfigArgs(enable=True, sample_rate=1.0),
            opts=ctx.child(self),
        )

    def _certificate(self, domain: str) -> pulumi.Input[str]:
        if self._ctx.gcp.certificate is not None:
            return self._ctx.gcp.certificate
        # Cannot be changed: the domain is a part of the name, so that the new one exists before the old one goes.
        label = shortened(domain.replace(".", "-"), 30, unique_by=domain)
        return gcp.compute.ManagedSslCertificate(
            "certificate",
            name=self._ctx.name(f"aex-{label}", Kind.GOOGLE_NETWORK),
            managed=gcp.compute.ManagedSslCertificateManagedArgs(domains=[domain]),
            opts=self._ctx.child(self),
        ).id

    def _listen(self, name: str, port: int, target: pulumi.Input[str], address: gcp.compute.GlobalAddress) -> None:
        ctx = self._ctx
        gcp.compute.GlobalForwardingRule(
            name,
            name=ctx.name(f"aex-{name}", Kind.GOOGLE_NETWORK),
            load_balancing_scheme=_SCHEME,
            ip_protocol="TCP",
            ip_address=address.id,
            port_range=str(port),
            target=target,
            labels=ctx.labels(),
            opts=ctx.child(self),
        )

    def _record(self, domain: str, zone: str, address: gcp.compute.GlobalAddress) -> None:
        gcp.dns.RecordSet(
            "domain",
            managed_zone=zone,
            name=f"{domain}.",
            type="A",
            ttl=300,
            rrdatas=[address.address],
            opts=self._ctx.child(self),
        )


__all__ = ["Door", "Ingress", "door_of"]
