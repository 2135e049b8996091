"""The driver's client, replaced when the database's password was rotated, and its errors as ours.

Owns connecting, the deadline and the second attempt after a failed log-in. Knows nothing of documents.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar, cast

from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from aex.store.deadline import Gate
from aex.store.mongo_settings import MongoSettings
from aex.store.port import StoreMisconfigured, StoreUnavailable

T = TypeVar("T")
Raw: TypeAlias = Mapping[str, object]
Database: TypeAlias = AsyncDatabase[Raw]

_log = logging.getLogger("aex.store")
_AUTHENTICATION_FAILED = 18


class _PlainInt(TypeDecoder):
    """64-bit numbers as plain integers, not as the driver's own kind of them."""

    @property
    def bson_type(self) -> type[Int64]:
        return Int64

    def transform_bson(self, value: int) -> int:
        return int(value)


_PLAIN: CodecOptions[Raw] = CodecOptions(type_registry=TypeRegistry([_PlainInt()]))
_REREAD_SECONDS = 1.0  # a wrong password is read again at most this often


class _LogInRefused(PyMongoError):
    """The database refused user and password; nothing was sent."""


class MongoConnection:
    """One service's connection pool. `run` is the only way to the database."""

    def __init__(self, settings: MongoSettings, gate: Gate | None = None) -> None:
        self._settings = settings
        self._gate = gate or Gate()
        self._client: AsyncMongoClient[Raw] | None = None
        self._users: dict[int, int] = {}  # calls that still use a client, by its identity
        self._replacing = asyncio.Lock()
        self._replaced_at = 0.0

    @property
    def client(self) -> "AsyncMongoClient[Raw] | None":
        """The client that new calls use, once there is one."""
        return self._client

    async def run(self, call: Callable[[Database], Awaitable[T]]) -> T:
        """The result of `call`. `DuplicateKeyError` passes; every other trouble is `StoreUnavailable`.

        After a failed log-in, which happens before anything is sent, the password is read again and `call` repeated.
        """
        return await self._gate.run(lambda: self._run(call))

    async def close(self) -> None:
        """Wait for running calls, then disconnect."""
        if await self._gate.close() and self._client is not None:
            await self._client.close()

    async def _run(self, call: Callable[[Database], Awaitable[T]]) -> T:
        try:
            client = await self._current()
            try:
                return await self._using(client, call)
            except _LogInRefused:
                return await self._using(await self._after_rotation(client), call)
        except DuplicateKeyError:
            raise
        except PyMongoError as error:
            # The driver turns a cancellation (ours at the deadline, or the request's) into an error of its own.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from error
            if not isinstance(error, InvalidOperation):
                raise StoreUnavailable(f"the database did not answer: {_short(error)}") from error
            raise StoreUnavailable("the connection to the database was closed") from error

    async def _using(self, client: "AsyncMongoClient[Raw]", call: Callable[[Database], Awaitable[T]]) -> T:
        async with self._use(client):
            try:
                return await call(client.get_database(self._settings.database, codec_options=_PLAIN))
            except (OperationFailure, ServerSelectionTimeoutError) as error:
                if _log_in_refused(error, client):
                    raise _LogInRefused("the database refused the log-in") from error
                raise

    @asynccontextmanager
    async def _use(self, client: "AsyncMongoClient[Raw]") -> AsyncGenerator[None]:
        key = id(client)
        self._users[key] = self._users.get(key, 0) + 1
        try:
            yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                if client is not self._client:  # replaced meanwhile, and this was its last call
                    await client.close()

    async def _current(self) -> "AsyncMongoClient[Raw]":
        if self._client is None:
            async with self._replacing:
                if self._client is None:
                    self._client = await connect(self._settings)
        return self._client

    async def _after_rotation(self, failed: "AsyncMongoClient[Raw]") -> "AsyncMongoClient[Raw]":
        """The client to try next: another call's new one, or one made with the password as it is now."""
        async with self._replacing:
            if self._client is not None and self._client is not failed:
                return self._client
            password = self._settings.password
            if password is None or not password.can_change:
                raise StoreUnavailable("the database refused the log-in: check MONGO_USER and the password")
            if time.monotonic() - self._replaced_at < _REREAD_SECONDS:
                raise StoreUnavailable("the database refused the log-in with the password as it was just read")
            _log.warning("store: log-in refused, reading the password again")
            self._client = await connect(self._settings)
            self._replaced_at = time.monotonic()
            if id(failed) not in self._users:
                await failed.close()
            return self._client


async def connect(settings: MongoSettings) -> "AsyncMongoClient[Raw]":
    """A client; it connects when it is used. Raises `StoreMisconfigured` for settings that the driver refuses."""
    options = await settings.client_options()
    make = cast("Callable[..., AsyncMongoClient[Raw]]", AsyncMongoClient)  # which options there are, the driver checks
    try:
        return make(**options)
    except (ConfigurationError, ValueError, TypeError, OSError) as error:
        # The driver's texts may quote the URI.
        where = "MONGO_URI" if settings.uri else "MONGO_HOST, MONGO_CA_FILE or MONGO_REPLICA_SET"
        raise StoreMisconfigured(f"{where} is refused by the driver: {type(error).__name__}") from None


def _log_in_refused(error: PyMongoError, client: "AsyncMongoClient[Raw]") -> bool:
    """The driver tells it once; afterwards it takes the server for unreachable, and remembers why."""
    if isinstance(error, OperationFailure):
        return error.code == _AUTHENTICATION_FAILED
    causes = [server.error for server in client.topology_description.server_descriptions().values()]
    return any(isinstance(cause, OperationFailure) and cause.code == _AUTHENTICATION_FAILED for cause in causes)


def _short(error: PyMongoError) -> str:
    """The kind of an error and the beginning of its text, without the topology that the driver appends."""
    return f"{type(error).__name__}: {str(error).split(', Timeout:')[0][:200]}"
