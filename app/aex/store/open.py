"""Opens the store that `STORE_TYPE` selects, for one service.

Owns the choice and nothing else: each backend's module is imported only when it is chosen, so that start-up pays for
one.
"""

import os
from collections.abc import Mapping
from typing import Protocol

from aex.store.backend import Backend
from aex.store.declarations import Collection, load, owned_by
from aex.store.owned import GuardedStore
from aex.store.port import Store, StoreMisconfigured


class StoreSettings(Protocol):
    """What the service's settings must offer. A database reads its own settings in its own module."""

    @property
    def store_type(self) -> str:
        """`sqlite`, `mongo` or `firestore` (STORE_TYPE)."""
        ...

    @property
    def sqlite_path(self) -> str:
        """The database file of this service, or `:memory:` (SQLITE_PATH)."""
        ...


async def open_store(
    settings: StoreSettings,
    service: str,
    *,
    collections: Mapping[str, Collection] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Store:
    """The store of `service`, ready for use; it refuses the collections of other services.

    `environ` is where a database's own settings are (default: the process's). `collections` replaces `collections.toml`
    (tests of the store itself). Raises `StoreMisconfigured`.
    """
    declared = load() if collections is None else collections
    owned = owned_by(service, declared)
    return GuardedStore(service, await _backend(settings, owned, os.environ if environ is None else environ), declared)


async def _backend(settings: StoreSettings, owned: Mapping[str, Collection], environ: Mapping[str, str]) -> Backend:
    match settings.store_type:
        case "sqlite":
            from aex.store.sqlite import SqliteBackend

            return SqliteBackend(settings.sqlite_path, owned)
        case "mongo":
            from aex.store.mongo import MongoBackend
            from aex.store.mongo_settings import MongoSettings

            backend = MongoBackend(MongoSettings.from_environ(environ), owned)
            await backend.settled()
            return backend
        case "firestore":
            from aex.store.firestore import FirestoreBackend
            from aex.store.firestore_client import FirestoreSettings

            return FirestoreBackend(FirestoreSettings.from_environ(environ), owned)
        case other:
            raise StoreMisconfigured(f"STORE_TYPE={other!r} is unknown; set it to sqlite, mongo or firestore")
