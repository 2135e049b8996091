"""The vocabulary of the service catalog: what can be said about a service, and which statements are refused.

Owns the types of the entries and the rules that an entry keeps by itself. The rules between entries are in `table.py`,
the entries in `catalog.py`, what is derived from them in `graph.py`, `environment.py` and `sizing.py`. None of these
imports Pulumi, so that the catalog can be read, tested and drawn without an engine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum, unique

from infra.components.sizing import cloud_run_problem, fargate_problem

NAME_PREFIX = "aex-"
_SERVICE_NAME = re.compile(r"aex(-[a-z][a-z0-9]*)+")
_CALLER_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_COLLECTION = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_ENVIRONMENT_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_ROUTE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) /\S*")


class CatalogError(ValueError):
    """The catalog contradicts itself. The text names the entry, what is wrong and what to change."""


@unique
class Tier(StrEnum):
    """The four groups of the deployment guide, in the order in which they are deployed."""

    INFRASTRUCTURE = "infrastructure"
    CORE = "core"
    BUSINESS = "business"
    GATEWAY = "gateway"

    @property
    def rank(self) -> int:
        """Position in the order of deployment, from 0."""
        return list(Tier).index(self)


@unique
class External(StrEnum):
    """Why a service may open connections to the internet. A service without one gets no way out."""

    WEBHOOKS = "webhooks"


@unique
class Reach(StrEnum):
    """Which services a caller that is not a service may reach, so that an eleventh service is still one entry."""

    DUTIES = "every service with background duties"
    PUBLIC = "every public service"
    EVERY = "every service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What one instance gets: Cloud Run in vCPU and MiB, Fargate in CPU units (1024 = one vCPU) and MB.

    Which combinations exist is a fact about the clouds: `sizing.py`.
    """

    gcp_cpu: int
    gcp_memory_mib: int
    aws_cpu: int
    aws_memory_mb: int


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many instances may run at once; stacks may narrow or widen it through their config."""

    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if not 0 <= self.minimum <= self.maximum or self.maximum < 1:
            raise CatalogError(
                f"scaling range {self.minimum}..{self.maximum} is empty: use a minimum of 0 or more and a maximum "
                "of at least 1 that is not below the minimum"
            )


@dataclass(frozen=True, slots=True)
class Call:
    """One edge of the call graph: the callee, the variable that carries its base URL, and what it is called for."""

    service: str
    variable: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is generated once per stack and that several services may share."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class SecretUse:
    """A secret that a service reads, and the environment variable it arrives in."""

    secret: str
    variable: str


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that a service does by itself: in a loop where instances live on, by the scheduler where they sleep."""

    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of the services: everything the platforms need to know to run it and to fence it in."""

    name: str
    port: int
    tier: Tier
    description: str
    size: Size
    scaling: Scaling = Scaling(1, 10)
    concurrency: int = 80
    calls: tuple[Call, ...] = ()
    collections: tuple[str, ...] = ()
    secrets: tuple[SecretUse, ...] = ()
    public: bool = False
    external: tuple[External, ...] = ()
    duties: tuple[Duty, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is wrong with the entry taken alone."""
        refuse(self.name, _entry_problems(self))

    @property
    def short_name(self) -> str:
        """The name without the prefix that all services share."""
        return self.name.removeprefix(NAME_PREFIX)

    @property
    def package(self) -> str:
        """The Python package under `app/aex` that implements the service."""
        return self.short_name.replace("-", "_")

    @property
    def uses_store(self) -> bool:
        """Whether the service owns collections, and so may reach the database."""
        return bool(self.collections)


@dataclass(frozen=True, slots=True)
class Grant:
    """Routes (`METHOD /path`) that a caller may use, on one named service or on a group of them."""

    reach: Reach | str
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls services without being one."""

    name: str
    description: str
    grants: tuple[Grant, ...]

    def __post_init__(self) -> None:
        """Refuse what is wrong with the entry taken alone."""
        problems: list[str] = []
        if not _CALLER_NAME.fullmatch(self.name) or self.name.startswith(NAME_PREFIX):
            problems.append(f"a caller's name is lower case with hyphens and does not start with {NAME_PREFIX!r}")
        if not self.grants:
            problems.append("a caller without grants can call nothing: add a Grant or drop the caller")
        for route in (route for grant in self.grants for route in grant.routes):
            if not _ROUTE.fullmatch(route):
                problems.append(f"route {route!r} is not of the form 'GET /path': write a method, a space and a path")
        refuse(self.name, problems)


def refuse(subject: str, problems: Iterable[str]) -> None:
    """Raise one CatalogError that lists every problem of `subject`, so that one round of editing is enough."""
    found = list(problems)
    if found:
        raise CatalogError("\n".join([f"{subject}:", *(f"  - {problem}" for problem in found)]))


def repeated(values: Iterable[str]) -> list[str]:
    """The values that occur more than once, sorted."""
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _entry_problems(service: Service) -> Iterator[str]:
    if not _SERVICE_NAME.fullmatch(service.name):
        yield f"a service's name is {NAME_PREFIX!r} and lower-case words joined by hyphens, such as 'aex-bid-gateway'"
    if not 1024 <= service.port <= 65535:
        yield f"port {service.port} needs root or does not exist: choose one from 1024 to 65535"
    size = service.size
    for problem in (
        fargate_problem(size.aws_cpu, size.aws_memory_mb),
        cloud_run_problem(size.gcp_cpu, size.gcp_memory_mib, service.concurrency),
    ):
        if problem:
            yield problem
    if not service.description.strip():
        yield "the description is empty: say in a few words what the service does"
    variables = [call.variable for call in service.calls] + [use.variable for use in service.secrets]
    for variable in variables:
        if not _ENVIRONMENT_VARIABLE.fullmatch(variable):
            yield f"{variable!r} is not an environment variable name: use capitals, digits and underscores"
    for call in service.calls:
        if call.service == service.name:
            yield "a service does not call itself: drop the call"
        if not call.variable.endswith("_URL"):
            yield f"{call.variable} carries a base URL: let its name end in _URL"
    for collection in service.collections:
        if not _COLLECTION.fullmatch(collection):
            yield f"collection {collection!r} is not lower case with underscores, such as 'work_specs'"
    for kind, values in (
        ("environment variable", variables),
        ("callee", [call.service for call in service.calls]),
        ("collection", list(service.collections)),
        ("secret", [use.secret for use in service.secrets]),
        ("duty", [duty.name for duty in service.duties]),
    ):
        for value in repeated(values):
            yield f"{kind} {value!r} is listed twice: keep one"
