"""Group commit: writes that are asked for together are one SQLite transaction: all of one turn of the event loop, and
of a millisecond where they come together anyway.

Owns the queue, the transaction and who is told what. A job is a function over the connection; it is told alone when
it fails alone (a conflict, a value that SQLite refuses), and all that wait are told when the database fails.

The commit runs inside the event loop: measured, that is cheaper than a writer thread, and no read can see half a batch.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from aex.store.port import StoreError, StoreUnavailable

T = TypeVar("T")
_log = logging.getLogger("aex.store")

MAX_PENDING = 10_000
"""Writes that may wait; beyond, they are refused at once. A turn of the loop rarely makes more than a few hundred."""

MAX_BATCH = 512
"""Writes per transaction: about 10 us each (measured), so that the loop never stands still for long."""


_AT_FAULT_ALONE = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


TOGETHER_SECONDS = 0.001
"""How long a transaction waits for more writes while they come together. A commit costs what twenty writes cost."""


class _Job(Generic[T]):
    """One write: what to do, who waits, and what became of it."""

    def __init__(self, apply: Callable[[sqlite3.Connection], T], future: asyncio.Future[T]) -> None:
        self._apply = apply
        self._future = future
        self._tell: Callable[[], None] | None = None

    @property
    def abandoned(self) -> bool:
        """Its caller was cancelled before the transaction began."""
        return self._future.done()

    def run(self, connection: sqlite3.Connection) -> None:
        try:
            result = self._apply(connection)
        except StoreError as error:
            self.fail(error)
        else:
            self._tell = partial(self._future.set_result, result)

    def fail(self, error: Exception) -> None:
        self._tell = partial(self._future.set_exception, error)

    def settle(self) -> None:
        if self._tell is not None and not self._future.done():
            self._tell()


class _AnyJob(Protocol):
    """A job, whatever its result is."""

    @property
    def abandoned(self) -> bool: ...

    def run(self, connection: sqlite3.Connection) -> None: ...

    def fail(self, error: Exception) -> None: ...

    def settle(self) -> None: ...


class GroupCommit:
    """The one connection of a store and the writes that wait for it."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], after_batch: Callable[[sqlite3.Connection], None]
    ) -> None:
        self._connect = connect
        self._after_batch = after_batch
        self._connection: sqlite3.Connection | None = connect()
        self._pending: list[_AnyJob] = []
        self._scheduled_on: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._together = False
        self.commits = 0
        """Transactions committed so far, for tests and measurements."""

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, opened again if it was lost. Raises `StoreUnavailable`."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._connection is None:
            try:
                self._connection = self._connect()
            except StoreError as error:
                raise StoreUnavailable(f"the database can not be opened again: {error}") from error
        return self._connection

    async def write(self, apply: Callable[[sqlite3.Connection], T]) -> T:
        """Run `apply` in the next transaction and return what it returned, once that is on disk.

        `apply` must raise a `StoreError` before its first change or not at all, and may run again after a rollback.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if len(self._pending) >= MAX_PENDING:
            raise StoreUnavailable(f"{MAX_PENDING} writes are waiting already; try again later")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._pending.append(_Job(apply, future))
        self._schedule(loop)
        return await future

    def close(self) -> None:
        """Commit what waits, then close the connection."""
        while self._pending:
            self._flush()
        self._closed = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        # Runs after the callbacks that are ready now: all of them join this batch. A loop that ended without running
        # it (a test's) must not block the next one.
        if self._scheduled_on is loop:
            return
        self._scheduled_on = loop
        if self._together:
            loop.call_later(TOGETHER_SECONDS, self._turn, loop)
        else:
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled_on = None
        self._flush()
        if self._pending:
            self._schedule(loop)

    def _flush(self) -> None:
        taken, self._pending = self._pending[:MAX_BATCH], self._pending[MAX_BATCH:]
        batch = [job for job in taken if not job.abandoned]
        self._together = len(batch) > 1  # a client alone never waits
        if not batch:
            return
        try:
            self._commit(batch)
        except (sqlite3.Error, StoreUnavailable) as error:
            _log.warning("store: %d writes failed: %s", len(batch), error)
            for job in batch:
                job.fail(StoreUnavailable(f"the database did not take the write: {error}"))
        for job in batch:
            job.settle()

    def _commit(self, batch: list[_AnyJob]) -> None:
        connection = self.connection
        jobs = list(batch)
        while jobs:
            if (faulty := self._attempt(connection, jobs)) is None:
                self.commits += 1
                break
            jobs.remove(faulty)  # it knows its error; the others are done again without it
        try:
            self._after_batch(connection)
        except sqlite3.Error as error:  # the batch is on disk already
            _log.warning("store: housekeeping failed, trying again later: %s", error)

    def _attempt(self, connection: sqlite3.Connection, jobs: list[_AnyJob]) -> _AnyJob | None:
        """Commit all, or nothing: then returns the job that is at fault, or raises when the database is."""
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                try:
                    job.run(connection)
                except sqlite3.Error as error:
                    if not isinstance(error, _AT_FAULT_ALONE):
                        raise
                    self._roll_back(connection)
                    job.fail(error)
                    return job
                except Exception as error:
                    self._roll_back(connection)
                    job.fail(error)
                    return job
            connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back(connection)
            raise
        return None

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            _log.warning("store: rollback failed, opening the database again: %s", error)
            connection.close()
            self._connection = None
