"""What a service is made of, and what it is given when it runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from fastapi import APIRouter

from aex.core.clock import Clock
from aex.core.duties import Duty, DutyRoster
from aex.core.metrics import Metrics
from aex.core.peers import Peer
from aex.core.settings import Settings
from aex.store.port import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp

S = TypeVar("S", bound=Settings)


@dataclass(slots=True)
class Runtime(Generic[S]):
    """What a running service has at hand."""

    name: str
    settings: S
    store: Store
    peers: Mapping[str, Peer]
    clock: Clock
    metrics: Metrics
    roster: DutyRoster
    starting: "list[Callable[[], Awaitable[None]]]" = field(default_factory=list)
    """Run before the first request, in order: seeding, warm-up."""
    stopping: "list[Callable[[], Awaitable[None]]]" = field(default_factory=list)
    """Run after the last request, in order."""

    def peer(self, name: str) -> Peer:
        """The callee `name`, such as `aex-identity`; a KeyError is a call that the definition does not declare."""
        return self.peers[name]

    def duty(self, name: str, duty: Duty) -> None:
        """Registers a background duty."""
        self.roster.add(name, duty)


@dataclass(frozen=True, slots=True)
class Definition(Generic[S]):
    """One of the ten services.

    `calls` maps each callee to the settings field that holds its URL; `build` makes the routes; `wrap` may put an ASGI
    layer before routing (the gateway's proxy); `outside` is True where clients of the exchange arrive; `headers` go on
    every answer.
    """

    name: str
    settings_type: type[S]
    build: Callable[[Runtime[S]], APIRouter]
    calls: Mapping[str, str] = field(default_factory=dict[str, str])
    wrap: "Callable[[ASGIApp, Runtime[S]], ASGIApp] | None" = None
    outside: bool = False
    headers: Sequence[tuple[bytes, bytes]] = ()


__all__ = ["Definition", "Runtime"]
