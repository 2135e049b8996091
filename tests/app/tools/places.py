"""Empty places for exchanges on each backend, and an exchange's data in one of them."""

import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aex.tools.place import Place
from tests.app.store.servers import FirestoreEmulator, MongoServer
from tests.app.support import TestClock
from tests.app.trading import trade
from tests.app.world import World, world

BACKENDS = ("sqlite", "mongo", "mongo-each", "firestore")
"""`mongo-each`: a database of its own for every service, as on AWS."""


def empty_place(backend: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    """A place that holds nothing."""
    mark = uuid.uuid4().hex[:8]

    def mongo(database: str) -> Place:
        server: MongoServer = request.getfixturevalue("mongo_server")
        return Place("mongo", None, server.environ(database))

    def firestore() -> Place:
        emulator: FirestoreEmulator = request.getfixturevalue("firestore_emulator")
        return Place("firestore", None, emulator.environ(f"move-{mark}"))

    make: dict[str, Callable[[], Place]] = {
        "sqlite": lambda: Place("sqlite", folder / mark, {}),
        "mongo": lambda: mongo(f"move_{mark}"),
        "mongo-each": lambda: mongo(f"{{service}}_{mark}"),
        "firestore": firestore,
    }
    return make[backend]()


def now() -> TestClock:
    """A clock that stands at the real time: databases drop by theirs what is past its time."""
    clock = TestClock()
    clock.moment = datetime.now(UTC)
    return clock


async def fill(place: Place) -> dict[str, str]:
    """A whole trade by ten services on `place`; its ids. The services have stopped when this returns."""
    async with running(place) as exchange:
        ids = await trade(exchange)
        await exchange.duties()
        return ids


def running(place: Place) -> AbstractAsyncContextManager[World]:
    """Ten services in this process on `place`."""
    return world(stores=place.open, clock=now())
