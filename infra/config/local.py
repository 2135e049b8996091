"""`agent-exchange:local`: the exchange on this machine."""

from __future__ import annotations

import ipaddress
from enum import StrEnum, unique
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from infra.components.catalog import CATALOG
from infra.components.environment import ServiceAuth, StoreType
from infra.components.model import repeated
from infra.config.section import PerService, Section

_FIRST_PORT = min(service.port for service in CATALOG.services)
_PORT_SPAN = max(service.port for service in CATALOG.services) - _FIRST_PORT


@unique
class LogLevel(StrEnum):
    """How much the services write."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LocalSettings(Section):
    """Where ten processes listen, what they keep, and how they are watched. Times are seconds."""

    host: str = "127.0.0.1"
    base_port: Annotated[int, Field(ge=1024, le=65535 - _PORT_SPAN)] = _FIRST_PORT
    """Port of the first service; the others keep their distance to it. The default gives the catalog's ports."""
    ports: PerService[Annotated[int, Field(ge=1024, le=65535)]] = Field(default_factory=dict)
    """Single ports, where one of the ten is taken."""
    directory: Annotated[str, Field(min_length=1)] | None = None
    """Folder for data and logs; default `.aex/<stack>` in the checkout, which git ignores."""
    keep_data: bool = True
    """Whether data survives `pulumi destroy`."""
    store_type: StoreType = StoreType.SQLITE
    mongo_uri: SecretStr | None = None
    service_auth: ServiceAuth = ServiceAuth.OFF
    """Off by default, so that each service answers at its own port as upstream's do; token is what the clouds run."""
    log_level: LogLevel = LogLevel.INFO
    duty_interval_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    start_timeout_seconds: Annotated[float, Field(ge=1, le=600)] = 30.0
    """How long one service may take from its start to a healthy answer."""
    rate_limit_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1000
    """Requests per minute that the gateway lets one credential make."""

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError(f"{host!r} is not an address of this machine alone: use 127.0.0.1 or ::1")
        return host

    @field_validator("service_auth")
    @classmethod
    def _no_google(cls, method: ServiceAuth) -> ServiceAuth:
        if method is ServiceAuth.GOOGLE:
            raise ValueError("google needs Cloud Run in front of the services: use token, or off for debugging")
        return method

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        if self.store_type is StoreType.FIRESTORE:
            raise ValueError(
                "storeType firestore is Google Cloud's: on this machine use sqlite, or mongo with mongoUri"
            )
        if self.store_type is StoreType.MONGO and self.mongo_uri is None:
            raise ValueError("storeType mongo needs a server: set mongoUri (with `pulumi config set --secret --path`)")
        if self.store_type is not StoreType.MONGO and self.mongo_uri is not None:
            raise ValueError(
                f"mongoUri is set but storeType is {self.store_type}: set storeType to mongo, or remove it"
            )
        clashes = repeated(str(port) for port in self.resolved_ports.values())
        if clashes:
            raise ValueError(f"two services would listen on port {clashes[0]}: change basePort or ports")
        return self

    @property
    def resolved_ports(self) -> dict[str, int]:
        """Service -> port that it listens on, for all services."""
        return {
            service.name: self.ports.get(service.name, service.port - _FIRST_PORT + self.base_port)
            for service in CATALOG.services
        }
