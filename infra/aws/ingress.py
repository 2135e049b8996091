"""The only door to the internet: an application load balancer in front of the gateway.

Owns the load balancer, its listeners, the gateway's target group and the domain's record. Does not own the certificate,
the firewall, or the security group.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.access_logs import PREFIX, AccessLogs
from infra.aws.alarms import Door
from infra.aws.certificate import Certificate
from infra.aws.container import DEREGISTRATION_SECONDS
from infra.aws.context import Context
from infra.aws.network import Place
from infra.components.catalog import HEALTH_PATH
from infra.components.model import Service
from infra.components.naming import Kind

TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.2 and 1.3 with forward secrecy."""

INTERNAL: Final = ("/internal", "/internal/*")
"""Routes between services. The gateway does not forward them either; two locks are cheap."""

_PROTOCOL: Final = "HTTP"
_PROTOCOL_VERSION: Final = "HTTP1"
_HASH_LENGTH: Final = 6

_IDLE_SECONDS: Final = 60
"""Below the services' keep-alive of 620 s: the server is never the one that closes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressArgs:
    """What the load balancer stands in front of."""

    service: Service
    place: Place
    security_group: pulumi.Input[str]
    zone_id: str | None
    """Where the domain's records go; None without a domain, and where DNS is somebody else's."""

    def __post_init__(self) -> None:
        """Refuse to open a door to what is not meant for the internet."""
        if not self.service.public:
            raise ValueError(
                f"{self.service.name} is not public: put the load balancer in front of the service that is"
            )


class Ingress(pulumi.ComponentResource):
    """Load balancer, listeners, target group."""

    balancer: aws.lb.LoadBalancer
    target_group: aws.lb.TargetGroup
    ready: aws.lb.Listener
    """A target group can be used by a service only once a listener forwards to it."""
    door: Door
    url: pulumi.Output[str]

    def __init__(self, ctx: Context, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the door: HTTPS with a domain, HTTP without."""
        super().__init__("agent-exchange:aws:Ingress", "ingress", None, opts)
        self._ctx = ctx
        domain = ctx.aws.domain
        zone_id = args.zone_id
        logs = AccessLogs(ctx, pulumi.ResourceOptions(parent=self))
        self.balancer = self._balancer(args, logs)
        self.target_group = self._target_group(args)
        if domain is None:
            self.ready = self._listener("http", 80, [_forward(self.target_group.arn)])
            self.url = pulumi.Output.concat("http://", self.balancer.dns_name)
        else:
            certificate = Certificate(ctx, domain, zone_id, pulumi.ResourceOptions(parent=self))
            self._listener("http", 80, [_to_https()])
            self.ready = self._listener(
                "https", 443, [_forward(self.target_group.arn)], certificate_arn=certificate.arn
            )
            self.url = pulumi.Output.from_input(f"https://{domain}")
            if zone_id is not None:
                self._record(domain, zone_id)
        self._refuse_internal()
        self.door = Door(balancer=self.balancer.arn_suffix, target_group=self.target_group.arn_suffix)
        self.register_outputs({"url": self.url})

    def _balancer(self, args: IngressArgs, logs: AccessLogs) -> aws.lb.LoadBalancer:
        ctx = self._ctx
        return aws.lb.LoadBalancer(
            "alb",
            name=ctx.name("aex-alb", Kind.LOAD_BALANCER),
            load_balancer_type="application",
            internal=False,
            ip_address_type="ipv4",
            subnets=args.place.public_subnets,
            security_groups=[args.security_group],
            idle_timeout=_IDLE_SECONDS,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_http2=True,
            # The gateway tells clients apart by the address that the load balancer appends.
            xff_header_processing_mode="append",
            enable_deletion_protection=ctx.protect,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=logs.bucket, prefix=PREFIX, enabled=True),
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self, protect=ctx.protect),
        )

    def _target_group(self, args: IngressArgs) -> aws.lb.TargetGroup:
        ctx, service = self._ctx, args.service
        return aws.lb.TargetGroup(
            service.name,
            name=pulumi.Output.from_input(args.place.vpc_id).apply(lambda vpc: target_group_name(ctx, service, vpc)),
            target_type="ip",
            protocol=_PROTOCOL,
            protocol_version=_PROTOCOL_VERSION,
            port=service.port,
            vpc_id=args.place.vpc_id,
            deregistration_delay=DEREGISTRATION_SECONDS,
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                enabled=True,
                path=HEALTH_PATH,
                port="traffic-port",
                protocol="HTTP",
                matcher="200",
                interval=10,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=3,
            ),
            tags=ctx.tags(service=service.name),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _listener(
        self,
        name: str,
        port: int,
        actions: list[aws.lb.ListenerDefaultActionArgs],
        certificate_arn: pulumi.Input[str] | None = None,
    ) -> aws.lb.Listener:
        return aws.lb.Listener(
            name,
            load_balancer_arn=self.balancer.arn,
            port=port,
            protocol="HTTPS" if certificate_arn is not None else "HTTP",
            certificate_arn=certificate_arn,
            ssl_policy=TLS_POLICY if certificate_arn is not None else None,
            default_actions=actions,
            tags=self._ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _refuse_internal(self) -> None:
        aws.lb.ListenerRule(
            "internal",
            listener_arn=self.ready.arn,
            priority=1,
            conditions=[
                aws.lb.ListenerRuleConditionArgs(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(INTERNAL))
                )
            ],
            actions=[
                aws.lb.ListenerRuleActionArgs(
                    type="fixed-response",
                    fixed_response=aws.lb.ListenerRuleActionFixedResponseArgs(
                        status_code="404",
                        content_type="application/json",
                        message_body='{"error":{"code":"endpoint_not_found","message":"there is no such endpoint"}}',
                    ),
                )
            ],
            tags=self._ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _record(self, domain: str, zone_id: str) -> None:
        aws.route53.Record(
            "domain",
            zone_id=zone_id,
            name=domain,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=self.balancer.dns_name, zone_id=self.balancer.zone_id, evaluate_target_health=True
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )


def target_group_name(ctx: Context, service: Service, vpc_id: str) -> str:
    """A name for each life of a target group, as short as its kind wants it.

    What AWS replaces it for is hashed into the name: the new one is made first, listener and service move over, and
    only then can the old one go, which AWS refuses to delete while a listener forwards to it.
    """
    replaced_for = f"{service.port} {_PROTOCOL} {_PROTOCOL_VERSION} {vpc_id}"
    short = hashlib.sha256(replaced_for.encode()).hexdigest()[:_HASH_LENGTH]
    return ctx.name(f"{service.name}-tg-{short}", Kind.TARGET_GROUP)


def listening_ports(ctx: Context) -> tuple[int, ...]:
    """Where clients may come in."""
    return (80, 443) if ctx.aws.domain else (80,)


def _forward(target_group: pulumi.Input[str]) -> aws.lb.ListenerDefaultActionArgs:
    return aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=target_group)


def _to_https() -> aws.lb.ListenerDefaultActionArgs:
    return aws.lb.ListenerDefaultActionArgs(
        type="redirect",
        redirect=aws.lb.ListenerDefaultActionRedirectArgs(port="443", protocol="HTTPS", status_code="HTTP_301"),
    )


__all__ = ["INTERNAL", "TLS_POLICY", "Ingress", "IngressArgs", "listening_ports", "target_group_name"]
