"""Where the data of an exchange is, as the commands are told.

A folder with one SQLite file per service (`--data`), or the database that the environment names exactly as it names it
to a service (STORE_TYPE with MONGO_* or FIRESTORE_*). So a command runs wherever a service runs, with the same secrets
by the same references: as a one-off task of the same image beside the data, or on the machine of the local platform.
Where each service has a database of its own (AWS), MONGO_DB says `{service}` for its name; the operators' task there
knows them all from DATABASE_USERS.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aex.store import Store, StoreMisconfigured, open_store
from aex.store.declarations import Collection, load
from aex.store.whole import Reader, open_reader, open_to_read


@dataclass(frozen=True, slots=True)
class Settings:
    """What `open_store` needs."""

    store_type: str
    sqlite_path: str


@dataclass(frozen=True, slots=True)
class Place:
    """An exchange's data; `folder` is where SQLite's files are, and None for a database."""

    store_type: str
    folder: Path | None
    environ: Mapping[str, str]

    def settings(self, service: str) -> Settings:
        """Those of one service's store."""
        return Settings(self.store_type, str(self.folder / f"{service}.sqlite3") if self.folder else "")

    def variables(self, service: str) -> Mapping[str, str]:
        """The database's settings for one service."""
        wanted = self.environ.get("DATABASE_USERS")
        database = _database(service, wanted) if wanted else self.environ.get("MONGO_DB", "")
        return {**self.environ, "MONGO_DB": database.replace("{service}", service)}

    async def open(self, service: str) -> Store:
        """The store of `service`, to write into. On SQLite the service must not be running."""
        return await open_store(self.settings(service), service, environ=self.variables(service))

    async def open_to_read(self, service: str) -> Store:
        """The store of `service`, to read from; the service may be running."""
        return await open_to_read(self.settings(service), service, self.variables(service))

    def __str__(self) -> str:
        return f"{self.store_type} in {self.folder}" if self.folder else self.store_type


class Readers:
    """Readers of all collections of a place, each opened when it is first used: `async with`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._opened: dict[tuple[str, str], Reader] = {}

    async def of(self, collection: Collection) -> Reader:
        """The reader of one collection."""
        settings, variables = self._place.settings(collection.owner), self._place.variables(collection.owner)
        key = settings.sqlite_path, variables["MONGO_DB"]  # a file or database for each service, or one for all
        if key not in self._opened:
            self._opened[key] = await open_reader(settings, variables)
        return self._opened[key]

    async def __aenter__(self) -> "Readers":
        return self

    async def __aexit__(self, *_: object) -> None:
        for reader in self._opened.values():
            await reader.close()


def owners() -> list[str]:
    """The services that own collections, sorted."""
    return sorted({collection.owner for collection in load().values()})


def place_of(data: str | None, environ: Mapping[str, str] = os.environ) -> Place:
    """The place that `--data` or the environment names. Raises `StoreMisconfigured` saying what to set."""
    if data is not None:
        return Place("sqlite", Path(data), environ)
    kind = environ.get("STORE_TYPE", "")
    if kind in {"mongo", "firestore"}:
        return Place(kind, None, environ)
    if environ.get("MONGO_ADMIN_SECRET_ARN"):
        return Place("mongo", None, _as_master(environ))
    raise StoreMisconfigured(
        "say where the data is: --data FOLDER with one <service>.sqlite3 per service (on the local platform"
        " .aex/<stack>/data), or STORE_TYPE=mongo with MONGO_*, or STORE_TYPE=firestore with FIRESTORE_*"
    )


def _as_master(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of the task that makes the database's users (AWS): it alone may reach every service's database."""
    from aex.store.users import read_secret

    arn = environ["MONGO_ADMIN_SECRET_ARN"]
    master = cast("dict[str, str]", json.loads(read_secret(arn)))
    return {**environ, "MONGO_USER": master["username"], "MONGO_SECRET_ARN": arn}


def _database(service: str, wanted: str) -> str:
    """The database of `service` among DATABASE_USERS, whose names are those of services, with the stack behind them."""
    users = cast("dict[str, dict[str, str]]", json.loads(wanted))
    found = [what["database"] for user, what in users.items() if user == service or user.startswith(f"{service}-")]
    if len(found) != 1:
        raise StoreMisconfigured(
            f"DATABASE_USERS names {len(found)} databases of {service}: set MONGO_DB and STORE_TYPE"
        )
    return found[0]


__all__ = ["Place", "Readers", "owners", "place_of"]
