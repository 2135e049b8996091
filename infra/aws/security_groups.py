"""Who may open a connection to whom, as security groups: one per service, one rule each way per edge of the call graph.

Every rule exists twice, as egress of the caller and as ingress of the callee; what neither side declares cannot happen.
Rules are resources of their own, so that groups can refer to each other in a circle and still be deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.components.graph import callees_of
from infra.components.naming import Kind
from infra.components.table import Catalog

HTTP = 80
HTTPS = 443
MONGO = 27017
_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What lies around the services. Groups and networks that a stack lacks are None."""

    vpc_id: pulumi.Input[str]
    s3_prefix_list: pulumi.Input[str]
    endpoints: pulumi.Input[str] | None
    """Security group of the private endpoints."""
    database: pulumi.Input[str] | None
    """Security group of the DocumentDB cluster."""
    atlas_cidr: str | None
    clients: Sequence[int]
    """Ports on which the load balancer listens to the internet."""

    def __post_init__(self) -> None:
        """Refuse a door that nobody listens at, and two databases."""
        unknown = sorted(set(self.clients) - {HTTP, HTTPS})
        if unknown or not self.clients:
            raise ValueError(f"clients come in at {HTTP} and {HTTPS}, not at {unknown or 'nowhere'}: give one or both")
        if self.database is not None and self.atlas_cidr is not None:
            raise ValueError("there is one database: give the cluster's group or Atlas's network, not both")


class SecurityGroups(pulumi.ComponentResource):
    """Groups of the services, the load balancer and the one-off tasks, with all rules between them."""

    services: dict[str, aws.ec2.SecurityGroup]
    load_balancer: aws.ec2.SecurityGroup
    operations: aws.ec2.SecurityGroup

    def __init__(
        self, ctx: Context, catalog: Catalog, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare groups first, then every rule."""
        super().__init__("agent-exchange:aws:SecurityGroups", "security-groups", None, opts)
        self._ctx, self._around = ctx, around
        self.services = {
            service.name: self._group(service.name, f"{service.name}: {service.description}", service.name)
            for service in catalog.services
        }
        self.load_balancer = self._group("aex-alb", "The only door to the internet")
        self.operations = self._group("aex-operations", "One-off tasks of operators")
        for service in catalog.services:
            for callee in callees_of(catalog, service.name):
                self._between(service.name, self.services[service.name].id, callee, catalog.service(callee).port)
            if service.public:
                self._between("aex-alb", self.load_balancer.id, service.name, service.port)
            self._outward(
                service.name,
                self.services[service.name],
                database=service.uses_store,
                internet=bool(service.external),
            )
        for port in around.clients:
            self._in(f"internet-{port}", self.load_balancer.id, port, "Clients", cidr_ipv4=_ANYWHERE)
        self._outward("aex-operations", self.operations, database=True, internet=False)
        self.register_outputs({})

    def _group(self, name: str, description: str, service: str | None = None) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            name,
            name=self._ctx.name(name, Kind.SECURITY_GROUP),
            description=description,
            vpc_id=self._around.vpc_id,
            # Rules of others refer to it; without this, removing a service waits for itself.
            revoke_rules_on_delete=True,
            tags=self._ctx.tags(service=service, name=name),
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(delete="30m")),
        )

    def _between(self, caller: str, group: pulumi.Input[str], callee: str, port: int) -> None:
        target = self.services[callee].id
        self._out(f"{caller}-to-{callee}", group, port, f"Calls {callee}", referenced_security_group_id=target)
        self._in(f"{caller}-to-{callee}", target, port, f"Called by {caller}", referenced_security_group_id=group)

    def _outward(self, name: str, group: aws.ec2.SecurityGroup, *, database: bool, internet: bool) -> None:
        """Image layers for all; AWS's own services privately where there are endpoints; the rest by need."""
        around = self._around
        self._out(f"{name}-to-s3", group.id, HTTPS, "Image layers", prefix_list_id=around.s3_prefix_list)
        if around.endpoints is not None:
            self._out(
                f"{name}-to-endpoints",
                group.id,
                HTTPS,
                "AWS services",
                referenced_security_group_id=around.endpoints,
            )
            self._in(
                f"{name}-to-endpoints",
                around.endpoints,
                HTTPS,
                f"Used by {name}",
                referenced_security_group_id=group.id,
            )
        if internet or around.endpoints is None:
            # Without private endpoints, images, secrets and logs are reached at AWS's public addresses.
            purpose = "Declared external calls" if internet else "AWS services, over NAT"
            self._out(f"{name}-to-internet", group.id, HTTPS, purpose, cidr_ipv4=_ANYWHERE)
        if database and around.database is not None:
            target = around.database
            self._out(f"{name}-to-database", group.id, MONGO, "Database", referenced_security_group_id=target)
            self._in(f"{name}-to-database", target, MONGO, f"Used by {name}", referenced_security_group_id=group.id)
        if database and around.atlas_cidr is not None:
            self._out(f"{name}-to-atlas", group.id, MONGO, "Database", cidr_ipv4=around.atlas_cidr)

    def _out(
        self,
        name: str,
        group: pulumi.Input[str],
        port: int,
        description: str,
        *,
        referenced_security_group_id: pulumi.Input[str] | None = None,
        prefix_list_id: pulumi.Input[str] | None = None,
        cidr_ipv4: str | None = None,
    ) -> None:
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=group,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
            referenced_security_group_id=referenced_security_group_id,
            prefix_list_id=prefix_list_id,
            cidr_ipv4=cidr_ipv4,
            tags=self._ctx.tags(name=name),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _in(
        self,
        name: str,
        group: pulumi.Input[str],
        port: int,
        description: str,
        *,
        referenced_security_group_id: pulumi.Input[str] | None = None,
        cidr_ipv4: str | None = None,
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
            referenced_security_group_id=referenced_security_group_id,
            cidr_ipv4=cidr_ipv4,
            tags=self._ctx.tags(name=name),
            opts=pulumi.ResourceOptions(parent=self),
        )


__all__ = ["HTTPS", "MONGO", "SecurityGroups", "Surroundings"]
