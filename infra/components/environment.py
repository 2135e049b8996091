"""The environment variables of a service, derived from the catalog. The same on every platform but for the addresses.

Owns names and values of plain variables, and the mapping from secret variables to secrets. Does not own how a platform
injects them (process environment, task definition, revision), nor what the addresses are: the platform passes a
function for these. Values may be plain strings or whatever the platform uses for values that are known later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TypeVar

from infra.components.graph import callers_of, outside_callers_of
from infra.components.model import Service
from infra.components.table import Catalog

Value = TypeVar("Value")

PORT_VARIABLE = "PORT"
"""Cloud Run sets this one itself and refuses it in a revision; every other platform sets it."""


@unique
class StoreType(StrEnum):
    """Backends of the document store."""

    SQLITE = "sqlite"
    MONGO = "mongo"
    FIRESTORE = "firestore"


@unique
class ServiceAuth(StrEnum):
    """How one service proves to another who it is."""

    OFF = "off"
    TOKEN = "token"  # noqa: S105 - the name of a method, not a credential
    GOOGLE = "google"


@unique
class DutyMode(StrEnum):
    """Who starts background duties: a loop inside, a scheduler outside, or nobody."""

    LOOP = "loop"
    EXTERNAL = "external"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What is the same for every service of a stack. `duty_interval_seconds` is the pause between two rounds."""

    environment: str
    store: StoreType
    service_auth: ServiceAuth
    duties: DutyMode = DutyMode.LOOP
    duty_interval_seconds: float = 1.0
    log_level: str = "info"
    host: str = "0.0.0.0"  # noqa: S104 - inside a container that has its own network; local passes 127.0.0.1


def environment_of(
    catalog: Catalog, service: Service, common: Common, address: Callable[[Service], Value]
) -> dict[str, str | Value]:
    """All plain variables of `service`, by name; `address` gives the base URL of a callee, without a final slash.

    Secrets are not among them (`secret_variables`), nor what only a platform knows: where its database is, and the
    service's own identity.
    """
    variables: dict[str, str | Value] = {
        PORT_VARIABLE: str(service.port),
        "HOST": common.host,
        "ENVIRONMENT": common.environment,
        "LOG_LEVEL": common.log_level,
        "AEX_SERVICE_AUTH": common.service_auth.value,
        "AEX_CALLERS": ",".join(allowed_callers(catalog, service.name)),
        "AEX_DUTIES": (common.duties if service.duties else DutyMode.OFF).value,
    }
    if service.uses_store:
        variables["STORE_TYPE"] = common.store.value
    if service.duties and common.duties is DutyMode.LOOP:
        variables["DUTY_INTERVAL_SECONDS"] = f"{common.duty_interval_seconds:g}"
    for call in service.calls:
        variables[call.variable] = address(catalog.service(call.service))
    return dict(sorted(variables.items()))


def secret_variables(service: Service) -> dict[str, str]:
    """Environment variable -> name of the secret whose value it must carry, sorted."""
    return dict(sorted((use.variable, use.secret) for use in service.secrets))


def allowed_callers(catalog: Catalog, name: str) -> tuple[str, ...]:
    """Everybody who may call `name`: services first, then callers that are not services."""
    return (*callers_of(catalog, name), *sorted(outside_callers_of(catalog, name)))
