"""MongoDB goes away, freezes, or gets another password under load: nothing acknowledged is lost, nothing doubled."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import InvalidOperation

from aex.store.deadline import Gate
from aex.store.declarations import owned_by
from aex.store.mongo import MongoBackend
from aex.store.mongo_client import MongoConnection
from aex.store.mongo_settings import MongoSettings
from aex.store.open import open_store
from aex.store.owned import GuardedStore
from aex.store.port import Store, StoreUnavailable
from tests.app.store.crashing import MemorySettings
from tests.app.store.harness import COLLECTIONS, SERVICE
from tests.app.store.load import Load
from tests.app.store.servers import MongoServer

Record = Callable[[str, object], None]
pytestmark = pytest.mark.usefixtures("within_documentdb")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MongoServer]:
    """A server of its own, that keeps what it acknowledged also when it is killed."""
    own = MongoServer(tmp_path / "db", durable=True, sync_on_commit=True)
    own.start()
    yield own
    own.kill()


async def open_at(environ: dict[str, str]) -> Store:
    return await open_store(MemorySettings("mongo"), SERVICE, collections=COLLECTIONS, environ=environ)


@pytest.fixture
async def store(server: MongoServer) -> AsyncIterator[Store]:
    opened = await open_at(server.environ("faults"))
    yield opened
    await opened.close()


async def test_a_killed_server_comes_back(server: MongoServer, store: Store, record_property: Record) -> None:
    async with Load(store) as load:
        await load.until_acknowledged(20)
        server.kill()
        await load.until_refused(8)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        await asyncio.to_thread(server.start)
        await load.until_acknowledged(20)
        await load.stop()
    figures = await load.account(store)
    record_property("figures", f"MongoDB killed and started again: {figures}")
    assert load.slowest < 9  # the gate's deadline


async def test_a_frozen_server_piles_nothing_up(server: MongoServer, record_property: Record) -> None:
    settings = MongoSettings.from_environ(server.environ("faults"))
    backend = MongoBackend(settings, owned_by(SERVICE, COLLECTIONS), Gate(most=30, seconds=1))
    store = GuardedStore(SERVICE, backend, COLLECTIONS)
    await backend.settled()
    async with Load(store) as load:
        await load.until_acknowledged(10)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await load.until_refused(8)
            attempts = [asyncio.ensure_future(store.get("things", "w0-1")) for _ in range(100)]
            outcomes = await asyncio.wait_for(asyncio.gather(*attempts, return_exceptions=True), 5)
            assert all(isinstance(o, StoreUnavailable) for o in outcomes)
            assert sum("calls wait" in str(o) for o in outcomes) >= 70  # refused at once, not queued
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await load.until_acknowledged(10)
        await load.stop()
    figures = await load.account(store)
    record_property("figures", f"MongoDB frozen and continued: {figures}")
    assert load.slowest < 3
    await store.close()


# --- a password that changes ---


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A server with log-in: `operator` may do everything, `svc` with password `one` is the service's user."""
    own = MongoServer(tmp_path_factory.mktemp("guarded"), durable=True, sync_on_commit=True)
    own.start()
    with pymongo.MongoClient(f"mongodb://127.0.0.1:{own.port}/?directConnection=true") as client:
        client.admin.command("createUser", "operator", pwd="op", roles=["root"])
        client.admin.command("createUser", "svc", pwd="one", roles=[{"role": "readWrite", "db": "faults"}])
    own.kill()
    own.start(require_auth=True)
    yield own
    own.kill()


def change_password(server: MongoServer, password: str) -> None:
    options = {"username": "operator", "password": "op", "directConnection": True}
    with pymongo.MongoClient("127.0.0.1", server.port, **options) as client:
        client.admin.command("updateUser", "svc", pwd=password)


async def test_a_password_that_changes_under_load(
    guarded: MongoServer,
    tmp_path: Path,
    record_property: Record,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "password"
    file.write_text("one")
    environ = guarded.environ("faults") | {"MONGO_USER": "svc", "MONGO_PASSWORD_FILE": str(file)}
    store = await open_at(environ)
    async with Load(store, workers=4) as load:
        await load.until_acknowledged(10)
        for password in ("two%@:/", "one"):
            # First the database, then the secret, as a rotation does it. Connections that are logged in go on; the
            # server's restart makes every one of them log in again.
            await asyncio.to_thread(change_password, guarded, password)
            guarded.kill()
            await asyncio.to_thread(guarded.start)
            file.write_text(password)
            await load.until_acknowledged(10)
        await load.stop()
    figures = await load.account(store)
    record_property("figures", f"MongoDB password changed twice: {figures}")
    assert "reading the password again" in caplog.text
    assert "two%@:/" not in caplog.text
    await store.close()


async def test_the_clients_of_old_passwords_are_closed(guarded: MongoServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong")
    settings = MongoSettings.from_environ(
        guarded.environ("faults") | {"MONGO_USER": "svc", "MONGO_PASSWORD_FILE": str(file)}
    )
    connection = MongoConnection(settings)
    with pytest.raises(StoreUnavailable, match=r"authentication failed|log-in"):
        await connection.run(lambda db: db.command("ping"))
    refused_client = connection.client
    assert refused_client is not None
    file.write_text("one")
    await asyncio.sleep(1.1)  # a wrong password is read again at most once a second
    await asyncio.gather(*(connection.run(lambda db: db["things"].find_one({})) for _ in range(20)))
    assert connection.client is not refused_client
    with pytest.raises(InvalidOperation):
        await refused_client.admin.command("ping")
    await connection.close()


async def test_a_wrong_password_is_not_read_again_and_again(guarded: MongoServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong")
    environ = guarded.environ("faults") | {"MONGO_USER": "svc", "MONGO_PASSWORD_FILE": str(file)}
    connection = MongoConnection(MongoSettings.from_environ(environ))
    clients: set[int] = set()
    for _ in range(2):
        calls = [connection.run(lambda db: db["things"].find_one({})) for _ in range(10)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
        clients.add(id(connection.client))
    assert len(clients) <= 2
    await connection.close()


async def test_a_password_that_can_not_change_is_explained(guarded: MongoServer) -> None:
    environ = guarded.environ("faults") | {"MONGO_USER": "svc", "MONGO_PASSWORD": "wrong"}
    connection = MongoConnection(MongoSettings.from_environ(environ))
    with pytest.raises(StoreUnavailable, match="refused the log-in: check MONGO_USER"):
        await connection.run(lambda db: db["things"].find_one({}))
    await connection.close()
