"""All ten services in this process, calling each other as they do when deployed, callees first."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from aex.core.peers import Peer
from aex.core.server import SERVICES, load_definition
from aex.store import Store, open_store
from tests.app.support import AsgiPeer, TestClock, client_of, run_duties, running, settings_of


class World:
    """The running services, by short name (`settlement`)."""

    def __init__(self, apps: dict[str, FastAPI], clock: TestClock) -> None:
        self.apps = apps
        self.clock = clock
        self._clients = {name: client_of(app) for name, app in apps.items()}

    def client(self, name: str) -> httpx.AsyncClient:
        """A direct caller of one service."""
        return self._clients[name]

    async def duties(self) -> None:
        """One round of every service's background duties."""
        for app in self.apps.values():
            await run_duties(app)


async def in_memory(name: str) -> Store:
    """An empty store of one service."""
    return await open_store(settings_of(load_definition(name).settings_type), name)


@asynccontextmanager
async def world(
    *,
    stores: Callable[[str], Awaitable[Store]] = in_memory,
    wrap: Callable[[str, Store], Store] = lambda _name, store: store,
    without: frozenset[str] = frozenset(),
    clock: TestClock | None = None,
) -> AsyncGenerator[World, None]:
    """Ten services, by default on stores in memory; `wrap` may put something around each store.

    `without` leaves services out; a `clock` of the caller's may begin at another time.
    """
    clock = clock or TestClock()
    apps: dict[str, FastAPI] = {}
    waiting = [load_definition(name) for name in SERVICES if name not in without]
    async with AsyncExitStack() as stack:
        while waiting:
            ready = [one for one in waiting if all(callee.removeprefix("aex-") in apps for callee in one.calls)]
            assert ready, f"these call what is not there: {[one.name for one in waiting]}"
            for definition in ready:
                waiting.remove(definition)
                peers: dict[str, Peer] = {
                    callee: AsgiPeer(callee, apps[callee.removeprefix("aex-")]) for callee in definition.calls
                }
                store = wrap(definition.name, await stores(definition.name))
                app = await stack.enter_async_context(running(definition, peers=peers, store=store, clock=clock))
                apps[definition.name.removeprefix("aex-")] = app
        yield World(apps, clock)
