"""The catalog as a whole, and the rules between its entries.

Constructing a `Catalog` proves it: every callee, caller target and secret exists, ports and collections have one owner,
the call graph has no cycle, and nobody calls a service that is deployed in a later tier. Does not own the entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.components.model import Caller, CatalogError, Grant, Reach, Secret, Service, Tier, refuse, repeated


@dataclass(frozen=True, slots=True)
class Catalog:
    """Services, the secrets that they share, and the callers that are not services."""

    services: tuple[Service, ...]
    secrets: tuple[Secret, ...] = ()
    callers: tuple[Caller, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a table that contradicts itself, with every contradiction in one error."""
        problems = [*_duplicate_problems(self), *_reference_problems(self)]
        # A cycle or a tier can only be judged once every name is known.
        problems = problems or [*_order_problems(self)]
        refuse("the catalog contradicts itself", problems)

    @property
    def names(self) -> tuple[str, ...]:
        """All service names, in catalog order."""
        return tuple(service.name for service in self.services)

    def service(self, name: str) -> Service:
        """The entry called `name`; CatalogError with the known names when there is none."""
        for service in self.services:
            if service.name == name:
                return service
        raise CatalogError(f"there is no service {name!r}: use one of {', '.join(self.names)}")

    def reached(self, grant: Grant) -> tuple[Service, ...]:
        """The services that a grant of a caller covers."""
        match grant.reach:
            case Reach.DUTIES:
                return tuple(service for service in self.services if service.duties)
            case Reach.PUBLIC:
                return tuple(service for service in self.services if service.public)
            case Reach.EVERY:
                return self.services
            case name:
                return (self.service(name),)


def _duplicate_problems(catalog: Catalog) -> Iterator[str]:
    for name in repeated([*catalog.names, *(caller.name for caller in catalog.callers)]):
        yield f"name {name!r} is used twice: rename one of the two"
    for secret in repeated(secret.name for secret in catalog.secrets):
        yield f"secret {secret!r} is declared twice: keep one"
    owners: dict[int, str] = {}
    for service in catalog.services:
        if service.port in owners:
            yield f"port {service.port} is used by {owners[service.port]} and {service.name}: give one a free port"
        owners.setdefault(service.port, service.name)
    collections: dict[str, str] = {}
    for service in catalog.services:
        for collection in service.collections:
            if collection in collections:
                yield (
                    f"collection {collection!r} is owned by {collections[collection]} and {service.name}: "
                    "leave it to one of them and let the other call it"
                )
            collections.setdefault(collection, service.name)


def _reference_problems(catalog: Catalog) -> Iterator[str]:
    names = set(catalog.names)
    remedy = f"use one of {', '.join(sorted(names))}"
    secrets = {secret.name for secret in catalog.secrets}
    used: set[str] = set()
    for service in catalog.services:
        for call in service.calls:
            if call.service not in names:
                yield f"{service.name} calls {call.service!r}, which does not exist: {remedy}"
        for use in service.secrets:
            used.add(use.secret)
            if use.secret not in secrets:
                yield f"{service.name} reads secret {use.secret!r}, which is not declared: add a Secret to the catalog"
    for secret in sorted(secrets - used):
        yield f"secret {secret!r} is read by no service: drop it, or add a SecretUse to the service that needs it"
    for caller in catalog.callers:
        for grant in caller.grants:
            if not isinstance(grant.reach, Reach) and grant.reach not in names:
                yield f"{caller.name} may call {grant.reach!r}, which does not exist: {remedy}"


def _order_problems(catalog: Catalog) -> Iterator[str]:
    cycle = _cycle(catalog)
    if cycle:
        yield (
            f"the calls {' -> '.join(cycle)} form a cycle, so nobody could be deployed first: let one side pull what "
            "it needs, or pass it in the request"
        )
    for service in catalog.services:
        for call in service.calls:
            callee = catalog.service(call.service)
            if callee.tier.rank > service.tier.rank:
                yield (
                    f"{service.name} ({service.tier}) calls {callee.name} ({callee.tier}), which is deployed in a "
                    f"later tier: turn the call around, or move one of them (order: {', '.join(Tier)})"
                )


def _cycle(catalog: Catalog) -> list[str]:
    """One cycle as a list of names that starts and ends with the same service; empty when there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for call in catalog.service(name).calls:
            found = walk(call.service, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    for name in catalog.names:
        found = walk(name, [])
        if found:
            return found
    return []
