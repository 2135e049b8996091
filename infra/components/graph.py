"""Who calls whom, and in which order services can be deployed. Pure functions over the catalog."""

from __future__ import annotations

from infra.components.model import Service, Tier
from infra.components.table import Catalog


def edges(catalog: Catalog) -> tuple[tuple[str, str], ...]:
    """Every (caller, callee) pair between services, sorted."""
    return tuple(sorted((service.name, call.service) for service in catalog.services for call in service.calls))


def callees_of(catalog: Catalog, name: str) -> tuple[str, ...]:
    """The services that `name` calls, sorted."""
    return tuple(sorted(call.service for call in catalog.service(name).calls))


def callers_of(catalog: Catalog, name: str) -> tuple[str, ...]:
    """The services that call `name`, sorted. Callers that are not services are in `outside_callers_of`."""
    catalog.service(name)
    return tuple(caller for caller, callee in edges(catalog) if callee == name)


def outside_callers_of(catalog: Catalog, name: str) -> dict[str, tuple[str, ...]]:
    """The callers that are not services and may call `name`, each with the routes that it may use."""
    service = catalog.service(name)
    found: dict[str, tuple[str, ...]] = {}
    for caller in catalog.callers:
        routes = [route for grant in caller.grants if service in catalog.reached(grant) for route in grant.routes]
        if routes:
            found[caller.name] = tuple(routes)
    return found


def levels(catalog: Catalog) -> dict[str, int]:
    """Length of the longest chain of calls below each service: 0 for those that call nobody."""
    found: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in found:
            found[name] = max((level(callee) + 1 for callee in callees_of(catalog, name)), default=0)
        return found[name]

    return {name: level(name) for name in catalog.names}


def waves(catalog: Catalog) -> tuple[tuple[str, ...], ...]:
    """Groups that can be deployed one after the other, each group at once: every callee is in an earlier one."""
    depth = levels(catalog)
    return tuple(
        tuple(name for name in deployment_order(catalog) if depth[name] == wave)
        for wave in range(max(depth.values()) + 1)
    )


def deployment_order(catalog: Catalog) -> tuple[str, ...]:
    """All services one by one: the guide's tiers in order, and within a tier each service after its callees."""
    depth = levels(catalog)

    def position(service: Service) -> tuple[int, int, int]:
        return service.tier.rank, depth[service.name], service.port

    return tuple(service.name for service in sorted(catalog.services, key=position))


def tiers(catalog: Catalog) -> dict[Tier, tuple[str, ...]]:
    """The services of each tier, in order of deployment."""
    order = deployment_order(catalog)
    return {tier: tuple(name for name in order if catalog.service(name).tier is tier) for tier in Tier}
