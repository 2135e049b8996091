"""`agent-exchange:aws`: what a stack may say about its part in Amazon Web Services.

Owns the rules that AWS has by itself (sizes, networks, certificates). What depends on the environment as well, such as
production without encryption, is in `settings.py`; defaults per environment are in `profiles.py`.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from enum import StrEnum, unique
from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.components.catalog import CATALOG
from infra.components.sizing import fargate_problem
from infra.config.general import AlarmSettings, ScalingOverride
from infra.config.section import Domain, EMail, PerService, PrivateNetwork, RestartToken, Section

_SMALLEST_NETWORK_PREFIX = 20
"""Six subnets of at least /24 and as much room again need a /20."""

_MOST_ZONES = 4
"""The plan of addresses (`infra/aws/addresses.py`) has four blocks of each kind."""


@unique
class Nat(StrEnum):
    """How private subnets reach the internet."""

    NONE = "none"
    SINGLE = "single"
    PER_AZ = "per-az"


@unique
class Database(StrEnum):
    """Which MongoDB-compatible database serves the stack."""

    DOCUMENTDB = "documentdb"
    ATLAS = "atlas"
    SHARED = "shared"
    """The DocumentDB cluster of another stack, with databases of its own."""


@unique
class Firewall(StrEnum):
    """What the web application firewall does with a request that matches a rule."""

    OFF = "off"
    COUNT = "count"
    BLOCK = "block"


@unique
class Architecture(StrEnum):
    """CPU architecture of tasks and images."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class AwsNetwork(Section):
    """The VPC of a stack."""

    cidr: PrivateNetwork = "10.20.0.0/16"
    availability_zones: list[Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$")]] = Field(
        default_factory=list
    )
    """At least two zones; empty means the first two that the region has."""
    nat: Nat = Nat.SINGLE
    interface_endpoints: bool = False
    """Private endpoints for the AWS services that tasks use; needed without NAT."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        zones = self.availability_zones
        if zones and (len(zones) < 2 or len(set(zones)) != len(zones)):
            raise ValueError("availabilityZones needs at least two different zones: add one, or remove the key")
        if len(zones) > _MOST_ZONES:
            raise ValueError(
                f"availabilityZones has {len(zones)} zones, and the plan of addresses {_MOST_ZONES}: drop some"
            )
        if ipaddress.IPv4Network(self.cidr).prefixlen > _SMALLEST_NETWORK_PREFIX:
            raise ValueError(
                f"cidr {self.cidr} is too small for six subnets: use /{_SMALLEST_NETWORK_PREFIX} or larger"
            )
        if self.nat is Nat.NONE and not self.interface_endpoints:
            raise ValueError(
                "nat none without interfaceEndpoints leaves tasks no way to images, secrets and logs: set "
                "interfaceEndpoints to true, or nat to single or per-az"
            )
        if self.nat is Nat.NONE:
            outward = [service.name for service in CATALOG.services if service.external]
            if outward:
                raise ValueError(
                    f"nat none leaves no way to the internet, which {', '.join(outward)} needs: use single or per-az"
                )
        return self


class AwsDatabase(Section):
    """The database of a stack. Instance classes and counts have defaults per environment."""

    kind: Database = Database.DOCUMENTDB
    instance_class: Annotated[str, Field(pattern=r"^db\.([a-z0-9]+\.[a-z0-9]+|serverless)$")] = "db.t4g.medium"
    instances: Annotated[int, Field(ge=1, le=16)] = 1
    backup_days: Annotated[int, Field(ge=1, le=35)] = 7
    restore_from: Annotated[str, Field(min_length=1)] | None = None
    """Snapshot (identifier or ARN) that a new cluster starts from."""
    shared_with: Annotated[str, Field(min_length=1)] | None = None
    """The stack whose cluster and network are used, for kind shared; default staging."""
    atlas_cidr: PrivateNetwork | None = None
    """Network of the Atlas project, for routes over the peering."""
    atlas_peering: Annotated[str, Field(pattern=r"^pcx-[0-9a-f]{8,17}$")] | None = None
    """The peering connection that Atlas requested and that this stack accepts."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        atlas = {"atlasCidr": self.atlas_cidr, "atlasPeering": self.atlas_peering}
        for key, value in atlas.items():
            if (value is not None) != (self.kind is Database.ATLAS):
                raise ValueError(f"{key} and kind atlas go together: set both, or neither")
        if self.shared_with is not None and self.kind is not Database.SHARED:
            raise ValueError("sharedWith is for kind shared: set kind to shared, or remove sharedWith")
        if self.restore_from is not None and self.kind is not Database.DOCUMENTDB:
            raise ValueError("restoreFrom needs a cluster of the stack's own: set kind to documentdb, or remove it")
        return self

    @property
    def cluster(self) -> str:
        """Base of the cluster's name; one from a snapshot is there before the one that it takes the place of goes."""
        if self.restore_from is None:
            return "aex-docdb"
        return f"aex-docdb-{hashlib.sha256(self.restore_from.encode()).hexdigest()[:8]}"

    @property
    def owner(self) -> str:
        """The stack whose cluster and network a stack of kind shared uses."""
        return self.shared_with or "staging"


class AwsSize(Section):
    """What a task of one service gets: CPU units (1024 = one vCPU) and MB."""

    cpu: int
    memory: int

    @model_validator(mode="after")
    def _exists(self) -> Self:
        problem = fargate_problem(self.cpu, self.memory)
        if problem:
            raise ValueError(problem)
        return self


class AwsBudget(Section):
    """A monthly budget and who hears about it."""

    monthly_usd: Annotated[int, Field(ge=1)]
    emails: Annotated[list[EMail], Field(min_length=1)]


class AwsSettings(Section):
    """Everything about AWS but the region, which the provider's own key `aws:region` sets."""

    network: AwsNetwork = Field(default_factory=AwsNetwork)
    database: AwsDatabase = Field(default_factory=AwsDatabase)
    domain: Domain | None = None
    zone: Domain | None = None
    """The Route 53 zone that holds the domain; default is the domain without its first label."""
    certificate_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:acm:")] | None = None
    """A certificate that exists already, instead of one validated through Route 53."""
    allow_http: bool = False
    """Lets production run without a domain, and so without encryption between clients and the gateway."""
    firewall: Firewall = Firewall.OFF
    requests_per_five_minutes: Annotated[int, Field(ge=100, le=2_000_000_000)] = 10_000
    """How many requests one address may make before the firewall stops it."""
    architecture: Architecture = Architecture.X86_64
    spot: bool = False
    """Run tasks on spare capacity, which AWS may take back at two minutes' notice."""
    sizes: PerService[AwsSize] = Field(default_factory=dict)
    scaling: PerService[ScalingOverride] = Field(default_factory=dict)
    minimum_instances: Annotated[int, Field(ge=0, le=100)] = 1
    """Tasks that every service keeps running, unless `scaling` says otherwise."""
    restart: PerService[RestartToken] = Field(default_factory=dict)
    execute_command: PerService[datetime.date] = Field(default_factory=dict)
    """Service -> last day (UTC) on which an operator may open a shell in it; makes its root file system writable."""
    log_retention_days: Annotated[int, Field(ge=1)] = 30
    alarms: AlarmSettings = Field(default_factory=AlarmSettings)
    budget: AwsBudget | None = None
    github_provider_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:oidc-provider/")] | None = None
    """GitHub's OIDC provider, when the account has it already; an account can have only one (stack bootstrap)."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        if self.domain is None:
            for key, value in (("zone", self.zone), ("certificateArn", self.certificate_arn)):
                if value is not None:
                    raise ValueError(f"{key} is of no use without a domain: set domain, or remove {key}")
        elif self.allow_http:
            raise ValueError("allowHttp is for a stack without a domain: remove allowHttp, or domain")
        if self.network.nat is Nat.NONE and self.database.kind is Database.ATLAS:
            raise ValueError(
                "network.nat none and database.kind atlas exclude each other: a stack without a way out needs a "
                "database of its own network; set network.nat to single or per-az, or database.kind to documentdb"
            )
        atlas = self.database.atlas_cidr
        if atlas is not None and ipaddress.IPv4Network(atlas).overlaps(ipaddress.IPv4Network(self.network.cidr)):
            raise ValueError(f"database.atlasCidr {atlas} overlaps network.cidr {self.network.cidr}: move one of them")
        if self.zone is not None and self.domain is not None and not f".{self.domain}".endswith(f".{self.zone}"):
            raise ValueError(f"domain {self.domain} is not in zone {self.zone}: set the zone that holds it")
        if self.log_retention_days not in _LOG_RETENTION_DAYS:
            choices = ", ".join(str(days) for days in _LOG_RETENTION_DAYS)
            raise ValueError(f"CloudWatch cannot keep logs for {self.log_retention_days} days: use one of {choices}")
        return self


_LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""The periods of the CloudWatch Logs API (PutRetentionPolicy)."""
