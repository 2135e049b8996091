"""Settings from the environment: what every service understands. A service's own package adds its fields.

An unknown or contradictory value stops the start with a message that names the variable, before a port is opened.
"""

from enum import StrEnum, unique
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


@unique
class ServiceAuth(StrEnum):
    """How services prove to each other who they are (design: zero trust inside)."""

    OFF = "off"
    """Nobody proves anything: a laptop, and runs of the upstream compatibility suite."""
    TOKEN = "token"  # noqa: S105 - the name of a mode
    """Short-lived Ed25519 tokens in `X-AEX-Service-Token`, each service holding only its own key."""
    GOOGLE = "google"
    """Google ID tokens in `X-Serverless-Authorization`, checked by Cloud Run before the request arrives."""


@unique
class Duties(StrEnum):
    """Who runs the background duties."""

    LOOP = "loop"
    """This process, every `DUTY_INTERVAL_SECONDS`: where instances live on."""
    EXTERNAL = "external"
    """A scheduler calls `POST /internal/v1/duties/run`: where instances sleep between requests."""
    OFF = "off"
    """Nobody: tests that run a duty by hand."""


@unique
class StoreType(StrEnum):
    """The backends of the store port."""

    SQLITE = "sqlite"
    MONGO = "mongo"
    FIRESTORE = "firestore"


RELAXED_ENVIRONMENTS = frozenset({"local", "development", "dev", "test"})
"""Where plain-http and private endpoints are accepted and service auth may be off."""


class Settings(BaseSettings):
    """Environment variables common to the ten services; field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    environment: str = "production"
    log_level: str = Field(default="info", pattern=r"(?i)^(debug|info|warning|error)$")

    store_type: StoreType = StoreType.SQLITE
    sqlite_path: str = ":memory:"

    service_auth: ServiceAuth = Field(default=ServiceAuth.TOKEN, validation_alias="AEX_SERVICE_AUTH")
    service_seed: SecretStr | None = Field(default=None, validation_alias="AEX_SERVICE_SEED")
    """This service's own Ed25519 seed, 32 bytes in base64."""
    service_keys: dict[str, str] = Field(default_factory=dict, validation_alias="AEX_SERVICE_KEYS")
    """JSON: caller name to public key (base64) in `token` mode, to service-account e-mail in `google` mode."""
    callers: str = Field(default="", validation_alias="AEX_CALLERS")
    """Comma-separated names that the catalog lets call this service."""
    service_url: str = Field(default="", validation_alias="AEX_SERVICE_URL")
    """This service's own address, the audience of ID tokens in `google` mode."""

    duties: Duties = Field(default=Duties.LOOP, validation_alias="AEX_DUTIES")
    duty_interval_seconds: float = Field(default=1.0, gt=0, le=3600)
    shutdown_grace_seconds: float = Field(default=10.0, ge=0, le=600)
    max_body_bytes: int = Field(default=1_048_576, ge=1024)
    """Contract 1.6: JSON bodies are cut at 1 MiB."""
    max_in_flight: int = Field(default=512, ge=1)
    """Requests served at once before the service sheds with 503: bounds memory under overload."""
    otel_exporter_otlp_endpoint: str | None = None
    otel_traces_sampler_arg: float = Field(default=0.01, ge=0, le=1)
    """Share of new traces that is sampled; tracing every request would add about 200 us to it."""

    @property
    def relaxed(self) -> bool:
        """Whether this is a developer's environment."""
        return self.environment.lower() in RELAXED_ENVIRONMENTS

    @property
    def caller_names(self) -> frozenset[str]:
        """`callers` as a set."""
        return frozenset(name.strip() for name in self.callers.split(",") if name.strip())

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        if self.service_auth is ServiceAuth.OFF and not self.relaxed:
            raise ValueError(
                f"AEX_SERVICE_AUTH=off is refused in ENVIRONMENT={self.environment}: set it to token or google, "
                "or set ENVIRONMENT=local on a laptop"
            )
        if self.service_auth is ServiceAuth.TOKEN and self.service_seed is None:
            raise ValueError(
                "AEX_SERVICE_AUTH=token needs AEX_SERVICE_SEED (base64 of this service's 32-byte Ed25519 seed); "
                "the platform generates it, or set AEX_SERVICE_AUTH=off with ENVIRONMENT=local"
            )
        if self.service_auth is ServiceAuth.GOOGLE and not self.service_url:
            raise ValueError("AEX_SERVICE_AUTH=google needs AEX_SERVICE_URL, this service's own address")
        return self


__all__ = ["RELAXED_ENVIRONMENTS", "Duties", "ServiceAuth", "Settings", "StoreType"]
