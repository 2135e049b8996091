"""Databases that go away, come back, and stop answering, as a test says.

MongoDB is a server process that is killed with -9 and started again on its files. The Firestore emulator keeps its data
in memory, so it is the way to it that is cut: a relay on a port of its own, which is also what a broken network is.
"""

import asyncio
import os
import signal
import uuid
from pathlib import Path
from typing import Protocol

from aex.tools.place import Place
from tests.app.store.servers import FirestoreEmulator, MongoServer


class Database(Protocol):
    """One database and the power over it."""

    place: Place

    async def down(self) -> None:
        """Gone: connections break, new ones are refused."""
        ...

    async def up(self) -> None:
        """There again, with its data."""
        ...

    def freeze(self) -> None:
        """Connections stay, answers stop."""
        ...

    def thaw(self) -> None:
        """Answers again, first what has been asked meanwhile."""
        ...

    async def close(self) -> None:
        """End what was started."""
        ...


class Mongo:
    """A server of its own, told to write what it acknowledges to the disk: DocumentDB always does."""

    def __init__(self, folder: Path) -> None:
        self._server = MongoServer(folder / "mongo", durable=True, sync_on_commit=True)
        self._server.start()
        self.place = Place("mongo", None, self._server.environ("faults"))

    async def down(self) -> None:
        self._server.kill()

    async def up(self) -> None:
        await asyncio.to_thread(self._server.start)

    def freeze(self) -> None:
        os.kill(self._server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._server.pid, signal.SIGCONT)

    async def close(self) -> None:
        self._server.kill()


class Firestore:
    """The emulator behind a relay."""

    def __init__(self, emulator: FirestoreEmulator, port: int) -> None:
        self._relay = Relay(port, emulator.port)
        environ = emulator.environ(f"faults-{uuid.uuid4().hex[:8]}")
        self.place = Place("firestore", None, {**environ, "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{port}"})

    async def down(self) -> None:
        await self._relay.close()

    async def up(self) -> None:
        await self._relay.open()

    def freeze(self) -> None:
        self._relay.flowing.clear()

    def thaw(self) -> None:
        self._relay.flowing.set()

    async def close(self) -> None:
        await self._relay.close()


class Relay:
    """Passes bytes between a port of this machine and another, until it is closed; `flowing` holds them up."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def close(self) -> None:
        """Refuse new connections and break those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.flowing.set()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))}
        self._open |= {writer, back}
        self._passing |= both
        await asyncio.wait(both)
        self._open -= {writer, back}
        self._passing -= both

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self.flowing.wait()
                target.write(data)
                await target.drain()
        except OSError:
            pass  # one end is gone, so the other goes too
        finally:
            target.transport.abort()
