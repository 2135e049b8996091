"""`agent-exchange:gcp`: what a stack may say about its part in Google Cloud.

Owns the rules that Google Cloud has by itself (sizes, networks, traffic). What depends on the environment as well, such
as a public gateway in production, is in `settings.py`; defaults per environment are in `profiles.py`.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum, unique
from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.components.sizing import cloud_run_problem
from infra.config.general import AlarmSettings, ScalingOverride
from infra.config.section import Domain, PerService, PrivateNetwork, RestartToken, Section

_SMALLEST_SUBNET_PREFIX = 26
"""Direct VPC egress reserves 16 addresses at a time and needs a /26 or larger."""

_CONNECTOR_PREFIX = 28
"""A serverless VPC connector takes a /28 of its own."""

LATEST = "latest"
"""The key in `traffic` that stands for the revision which this deployment makes."""


@unique
class Egress(StrEnum):
    """How services reach the stack's network."""

    DIRECT = "direct"
    CONNECTOR = "connector"
    NONE = "none"
    """No network of its own: every service is reachable, and IAM alone decides who may call it."""


@unique
class Access(StrEnum):
    """Who can reach the gateway."""

    PUBLIC = "public"
    LOADBALANCER = "loadbalancer"
    IAM = "iam"


@unique
class Armor(StrEnum):
    """What Cloud Armor does with a request that matches a rule."""

    OFF = "off"
    PREVIEW = "preview"
    BLOCK = "block"


@unique
class ProjectEnvironment(StrEnum):
    """Environments that GitHub may deploy into a project; ephemeral stacks are deployed as staging is."""

    PRODUCTION = "production"
    STAGING = "staging"


class GcpNetwork(Section):
    """The VPC of a stack."""

    egress: Egress = Egress.DIRECT
    cidr: PrivateNetwork = "10.30.0.0/24"
    connector_cidr: PrivateNetwork = "10.30.1.0/28"
    nat: bool = False
    """A fixed address for calls to the internet, which can then go to port 443 only."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        subnet, connector = ipaddress.IPv4Network(self.cidr), ipaddress.IPv4Network(self.connector_cidr)
        if subnet.prefixlen > _SMALLEST_SUBNET_PREFIX:
            raise ValueError(f"cidr {self.cidr} is too small for Cloud Run: use /{_SMALLEST_SUBNET_PREFIX} or larger")
        if connector.prefixlen != _CONNECTOR_PREFIX:
            raise ValueError(f"connectorCidr {self.connector_cidr} has the wrong size: a connector takes a /28")
        if subnet.overlaps(connector):
            raise ValueError(f"cidr {self.cidr} and connectorCidr {self.connector_cidr} overlap: move one of them")
        if self.nat and self.egress is Egress.NONE:
            raise ValueError("nat needs a network: set egress to direct or connector, or remove nat")
        return self


class GcpFirestore(Section):
    """The database of a stack."""

    database: Annotated[str, Field(pattern=r"^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$")] | None = None
    """`(default)`, or a name of its own; default is a name derived from the stack's."""
    location: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    """Default: the region. `nam5` or `eur3` spread it over regions."""
    backup_days: Annotated[int, Field(ge=1, le=98)] = 7
    """How long daily backups are kept, where the stack is protected."""


class GcpSize(Section):
    """What an instance of one service gets: vCPU, MiB, and how many requests share it."""

    cpu: int
    memory: int
    concurrency: int | None = None
    """Default: the catalog's."""

    @model_validator(mode="after")
    def _exists(self) -> Self:
        concurrency = 1 if self.concurrency is None else self.concurrency
        problem = cloud_run_problem(self.cpu, self.memory, concurrency)
        if problem:
            raise ValueError(problem)
        return self


class GcpProject(Section):
    """A project that the bootstrap stack creates, instead of using one that exists."""

    billing_account: Annotated[str, Field(pattern=r"^[0-9A-F]{6}(-[0-9A-F]{6}){2}$")]
    folder: Annotated[str, Field(pattern=r"^\d+$")] | None = None
    organization: Annotated[str, Field(pattern=r"^\d+$")] | None = None

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        if (self.folder is None) == (self.organization is None):
            raise ValueError("a project is created in one place: set either folder or organization")
        return self


class GcpBudget(Section):
    """A monthly budget of the whole project, in the currency of the billing account; `alarms` has who is told."""

    monthly: Annotated[int, Field(ge=1)]
    billing_account: Annotated[str, Field(pattern=r"^[0-9A-F]{6}(-[0-9A-F]{6}){2}$")]


class GcpSettings(Section):
    """Everything about Google Cloud but project and region, which `gcp:project` and `gcp:region` set."""

    project_number: Annotated[str, Field(pattern=r"^\d{6,}$")] | None = None
    """Number of `gcp:project`, a part of every address on run.app; known before the first deployment if it is set."""
    scheduler_region: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+\d+$")] | None = None
    """Where the jobs that start background duties are; default: where everything else is. They call across regions."""
    network: GcpNetwork = Field(default_factory=GcpNetwork)
    firestore: GcpFirestore = Field(default_factory=GcpFirestore)
    access: Access | None = None
    """Default: loadbalancer with a domain; without one public, and iam in production."""
    invokers: list[
        Annotated[str, Field(pattern=r"^(user|group|serviceAccount|domain|principal|principalSet):\S+$")]
    ] = Field(default_factory=list)
    """Who may call the gateway in access mode iam."""
    domain: Domain | None = None
    certificate: Annotated[str, Field(min_length=1)] | None = None
    """A certificate that exists already, instead of one that Google manages."""
    zone: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = None
    """Name of the Cloud DNS zone in the project that gets the domain's record; without it, somebody else makes it."""
    armor: Armor = Armor.OFF
    requests_per_five_minutes: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    """How many requests one address may make before Cloud Armor stops it."""
    sizes: PerService[GcpSize] = Field(default_factory=dict)
    scaling: PerService[ScalingOverride] = Field(default_factory=dict)
    minimum_instances: Annotated[int, Field(ge=0, le=100)] = 0
    """Instances that every service keeps warm, unless `scaling` says otherwise."""
    traffic: PerService[dict[str, Annotated[int, Field(ge=0, le=100)]]] = Field(default_factory=dict)
    """Service -> revision or `latest` -> per cent of the requests."""
    restart: PerService[RestartToken] = Field(default_factory=dict)
    alarms: AlarmSettings = Field(default_factory=AlarmSettings)
    budget: GcpBudget | None = None
    create_project: GcpProject | None = None
    environments: list[ProjectEnvironment] = Field(default_factory=lambda: list(ProjectEnvironment))
    """Of the bootstrap stack: who gets a deploy account, and a key for secrets in the state, in this project."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        if not self.environments or len(set(self.environments)) != len(self.environments):
            raise ValueError(
                "environments says who deploys to the project: name production, staging or both, each once"
            )
        if (self.access is Access.LOADBALANCER) and self.domain is None:
            raise ValueError("access loadbalancer needs a domain for its certificate: set domain, or another access")
        if self.domain is not None and self.access not in (None, Access.LOADBALANCER):
            raise ValueError(f"domain is of no use with access {self.access}: set access to loadbalancer, or remove it")
        for key, value in (("certificate", self.certificate), ("zone", self.zone)):
            if value is not None and self.domain is None:
                raise ValueError(f"{key} is of no use without a domain: set domain, or remove {key}")
        if self.invokers and self.access is not Access.IAM:
            raise ValueError("invokers are for access iam: set access to iam, or remove invokers")
        for service, shares in self.traffic.items():
            total = sum(shares.values())
            if total != 100:
                raise ValueError(f"the traffic of {service} adds up to {total} per cent: make it 100")
        return self
