"""Who can call whom: only what the catalog declares, and exactly one service open to the world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.graph import edges, outside_callers_of
from infra.policy.model import About, Place, Resource, Stack, stack_rule

_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_RULE: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_SERVICE: Final = "gcp:cloudrunv2/service:Service"
_INVOKER: Final = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
_ACCOUNT: Final = "gcp:serviceaccount/account:Account"
_EDGES: Final = frozenset(edges(CATALOG))
_PORTS: Final = {service.name: service.port for service in CATALOG.services}
_ACCOUNTS: Final = {"operator": "aex-operations", "scheduler": "aex-scheduler"}
"""Caller that is not a service -> the resource of its account; a service's is called like the service."""
_PUBLIC: Final = frozenset(service.name for service in CATALOG.services if service.public)


@stack_rule(
    About(
        id="aws-call-edges",
        place=Place.AWS,
        reason="a service that was broken into reaches exactly what its security group lets it reach",
        remedy="declare the call in infra/components/catalog.py, or remove the rule",
    ),
    _GROUP,
    _RULE,
)
def call_edges_aws(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """A service is reached on its own port by its catalogued callers; the gateway by the load balancer too."""
    groups = [each for each in resources if each.type == _GROUP]
    for rule in (each for each in resources if each.type == _RULE):
        callee = _service_of(rule, groups, "securityGroupId")
        if callee is None:
            continue
        caller = _service_of(rule, groups, "referencedSecurityGroupId")
        if caller is None and callee not in _PUBLIC:
            yield rule, f"{callee} can be reached by what is no service"
        elif caller is not None and (caller, callee) not in _EDGES:
            yield rule, f"{caller} can reach {callee}, which it does not call"
        elif {rule.properties.number("fromPort"), rule.properties.number("toPort")} != {_PORTS[callee]}:
            yield rule, f"{callee} can be reached on other ports than {_PORTS[callee]}"


@stack_rule(
    About(
        id="gcp-call-edges",
        place=Place.GCP,
        reason="a service that was broken into calls exactly what its account may invoke",
        remedy="declare the call in infra/components/catalog.py, or remove the grant",
    ),
    _SERVICE,
    _INVOKER,
    _ACCOUNT,
)
def call_edges_google(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """A service is invoked by the accounts of its catalogued callers, and the gateway by those in the config."""
    accounts = [each for each in resources if each.type == _ACCOUNT]
    services = [each for each in resources if each.type == _SERVICE]
    for grant in (each for each in resources if each.type == _INVOKER):
        callee = next((_label(each) for each in services if grant.refers_to(each, "name")), "")
        caller = next((each.name for each in accounts if grant.refers_to(each, "member")), "")
        if grant.properties.text("role") != "roles/run.invoker":
            yield grant, f"{grant.properties.text('role')} is granted on {callee}"
        elif callee in _PORTS and (caller, callee) not in _EDGES and caller not in _outside(callee):
            yield grant, f"{caller or 'what is no service'} can call {callee}, which the catalog does not declare"


@stack_rule(
    About(
        id="gcp-one-open-service",
        place=Place.GCP,
        reason="a service without the check answers whoever can reach it, whatever identity it has or claims",
        remedy="set invokerIamDisabled to false; only the gateway may do without, unless agent-exchange:gcp.access is "
        "iam",
        checkov=("CKV_GCP_102",),
    ),
    _SERVICE,
)
def one_open_service(resources: Sequence[Resource], stack: Stack) -> Iterator[tuple[Resource | None, str]]:
    """Exactly one service checks no identity: the gateway, unless its callers are listed."""
    opened = [each for each in resources if each.properties.flag("invokerIamDisabled") is True]
    for each in opened:
        if _label(each) not in _PUBLIC:
            yield each, "the service asks nobody who they are"
        elif not stack.open_gateway:
            yield each, "the gateway asks nobody who they are, though its callers are listed"
    if stack.open_gateway and resources and not opened:
        yield None, "clients cannot reach the gateway, which checks for identities that they do not have"


def _service_of(rule: Resource, groups: Sequence[Resource], side: str) -> str | None:
    """The service whose security group one side of a rule is."""
    for group in groups:
        if rule.refers_to(group, side) and group.properties.text("tags.service") in _PORTS:
            return group.properties.text("tags.service")
    return None


def _label(service: Resource) -> str:
    return service.properties.text("template.labels.service")


def _outside(callee: str) -> frozenset[str]:
    """Accounts of callers that are not services."""
    return frozenset(_ACCOUNTS[caller] for caller in outside_callers_of(CATALOG, callee) if caller in _ACCOUNTS)


RULES = (call_edges_aws, call_edges_google, one_open_service)
