"""The SQLite file of one service: who may open it, its permissions, its schema.

Owns opening, the owner lock, schema version, tables and indexes. Does not read or write documents.
"""

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from aex.store import sqlite_sql as sql
from aex.store.declarations import Collection
from aex.store.port import StoreMisconfigured

MEMORY = ":memory:"
SCHEMA_VERSION = 1
APPLICATION_ID = 0x41455853  # "AEXS"
_BUSY_MS = 250  # the event loop waits this long at most while a foreign program holds the file


class OwnerLock:
    """Advisory lock on `<file>.lock`, held by the one process that uses the database. The kernel drops it at death."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreMisconfigured(
                f"{database} is in use by process {owner}: stop that process or set another SQLITE_PATH"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process open the file."""
        os.close(self._fd)


def prepare(path: str) -> Path | None:
    """Create the folders (0700) and the file (0600) where they are missing; None for a database in memory."""
    if path == MEMORY:
        return None
    if not path:
        raise StoreMisconfigured("SQLITE_PATH is empty: set it to the service's database file, or to :memory:")
    file = Path(path).absolute()
    try:
        for folder in reversed(file.parents):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise StoreMisconfigured(f"SQLITE_PATH: can not create {file}: {error.strerror}") from error
    return file


def connect(file: Path | None, collections: Mapping[str, Collection]) -> sqlite3.Connection:
    """A connection with this release's schema. Raises `StoreMisconfigured` for a file that is not of this release."""
    connection = sqlite3.connect(
        str(file or MEMORY),
        timeout=_BUSY_MS / 1000,
        isolation_level=None,  # transactions are begun and committed by us
        check_same_thread=False,  # one event loop uses it; test clients run that loop in a thread of their own
        cached_statements=512,
    )
    try:
        _check_origin(connection, file)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _create(connection, collections)
    except sqlite3.Error as error:
        connection.close()
        raise StoreMisconfigured(f"SQLITE_PATH: {file} can not be opened as a database: {error}") from error
    except StoreMisconfigured:
        connection.close()
        raise
    return connection


def _check_origin(connection: sqlite3.Connection, file: Path | None) -> None:
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    empty = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    if application != APPLICATION_ID and not (empty and application == 0):
        raise StoreMisconfigured(f"SQLITE_PATH: {file} is a database of another program; set another path")
    if version not in (0, SCHEMA_VERSION):
        raise StoreMisconfigured(
            f"SQLITE_PATH: {file} has schema {version}, this release uses {SCHEMA_VERSION}:"
            " run the release that made it, or move the file away"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _create(connection: sqlite3.Connection, collections: Mapping[str, Collection]) -> None:
    present = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    wanted = {name: text for c in collections.values() for name, text in _indexes(c).items()}
    connection.execute("BEGIN IMMEDIATE")
    for collection in collections.values():
        connection.execute(sql.table(collection.name))
    for name in present - set(wanted):
        if name.startswith("ix_"):
            connection.execute(f'DROP INDEX "{name}"')
    for name in set(wanted) - present:
        connection.execute(wanted[name])
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _indexes(collection: Collection) -> dict[str, str]:
    """Index name -> statement. The name holds a digest of the fields, so that a changed declaration is a new index."""
    shapes = [*collection.indexes(), *([(collection.ttl,)] if collection.ttl else [])]
    found: dict[str, str] = {}
    for fields in shapes:
        digest = hashlib.blake2b(",".join(fields).encode(), digest_size=6).hexdigest()
        name = f"ix_{collection.name}_{digest}"
        columns = ", ".join([*map(sql.field, fields), "id"])
        found[name] = f'CREATE INDEX "{name}" ON "{collection.name}" ({columns})'
    return found
