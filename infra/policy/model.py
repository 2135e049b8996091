"""The vocabulary of the pack: resources as rules see them, what is known about the stack, rules and violations.

Rules are plain functions: of one resource and the stack, or of all resources and the stack. They yield one sentence for
each thing that is wrong and never see an engine or an SDK. `rules/` has them, `judge.py` applies them, `pack.py` hands
them to Pulumi.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique

from infra.config import Environment
from infra.config.policy import Waiver
from infra.policy.properties import Properties


@unique
class Severity(StrEnum):
    """What a violation does."""

    MANDATORY = "mandatory"
    """Stops the deployment."""
    ADVISORY = "advisory"
    """Is shown."""


@unique
class Place(StrEnum):
    """Where a rule applies."""

    AWS = "AWS"
    GCP = "Google Cloud"
    EVERY = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource of a stack."""

    type: str
    name: str
    urn: str
    properties: Properties
    parent: str = ""
    """URN of the parent."""
    custom: bool = True
    """Whether a provider makes it; components are not custom."""
    protect: bool = False
    """Pulumi's own protection from deletion."""
    refers: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])
    """Property -> URNs of the resources that its value comes from. Known to rules over whole stacks only."""

    def refers_to(self, other: Resource, *properties: str) -> bool:
        """Whether one of the properties (or any) gets its value from another resource."""
        return any(other.urn in urns for name, urns in self.refers.items() if not properties or name in properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What rules may know about the stack beside its resources."""

    name: str
    environment: Environment
    protect: bool
    https: bool
    """Whether the gateway must be encrypted: production, unless its config says that something in front does it, and
    every stack with a domain."""
    private_egress: bool = True
    """Whether services on Google Cloud have a network, without which none can be closed to the outside."""
    open_gateway: bool = True
    """Whether the config lets anybody call the gateway on Google Cloud."""
    today: datetime.date
    """UTC; on which day waivers end."""
    waivers: Sequence[Waiver] = ()
    shells: Sequence[Waiver] = ()
    """Waivers that come from `aws.executeCommand`: a shell needs a writable root."""

    @property
    def production(self) -> bool:
        """Whether the stack is production."""
        return self.environment is Environment.PRODUCTION


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What people read about a rule."""

    id: str
    place: Place
    reason: str
    """Why: what could happen otherwise. A clause that follows "because"."""
    remedy: str
    """What to do, as an order."""
    checkov: Sequence[str] = ()
    """The checks of Checkov that it covers."""
    severity: Severity = Severity.MANDATORY
    environments: frozenset[Environment] = frozenset(Environment)
    """The environments that it applies to."""
    protected: bool = False
    """Whether it applies only to stacks that are protected (agent-exchange:protect)."""
    where: str = ""
    """What else decides where it applies, for people."""


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """A rule about resources of some types, each judged alone and before it is made; no types means all."""

    about: About
    types: frozenset[str]
    check: Callable[[Resource, Stack], Iterator[str]]


@dataclass(frozen=True, slots=True)
class StackRule:
    """A rule about resources of some types together, judged when all are known."""

    about: About
    types: frozenset[str]
    check: Callable[[Sequence[Resource], Stack], Iterator[tuple[Resource | None, str]]]


Rule = ResourceRule | StackRule


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a resource, or the stack as a whole, breaks."""

    rule: About
    resource: Resource | None
    problem: str

    @property
    def message(self) -> str:
        """What is wrong and what to do; the reason is the rule's own text."""
        return f"{self.problem}: {self.rule.remedy}."


def resource_rule(about: About, *types: str) -> Callable[[Callable[[Resource, Stack], Iterator[str]]], ResourceRule]:
    """Make a rule of a function that judges one resource."""
    return lambda check: ResourceRule(about, frozenset(types), check)


def stack_rule(
    about: About, *types: str
) -> Callable[[Callable[[Sequence[Resource], Stack], Iterator[tuple[Resource | None, str]]]], StackRule]:
    """Make a rule of a function that judges all resources of some types together."""
    return lambda check: StackRule(about, frozenset(types), check)
