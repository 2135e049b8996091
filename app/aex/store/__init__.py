"""The document store: one small port, one declaration of collections and queries, several backends.

Services use `open_store` and the types of `aex.store.port`; nothing outside this package knows a database driver.
Importing this package imports no driver: a backend's module is imported when `STORE_TYPE` selects it.
"""

from aex.store.open import StoreSettings, open_store
from aex.store.port import (
    AlreadyExists,
    BadCursor,
    Document,
    ForeignCollection,
    InvalidDocument,
    JsonValue,
    Page,
    Put,
    Scalar,
    Store,
    Stored,
    StoreError,
    StoreMisconfigured,
    StoreUnavailable,
    UndeclaredQuery,
    VersionConflict,
)

__all__ = [
    "AlreadyExists",
    "BadCursor",
    "Document",
    "ForeignCollection",
    "InvalidDocument",
    "JsonValue",
    "Page",
    "Put",
    "Scalar",
    "Store",
    "StoreError",
    "StoreMisconfigured",
    "StoreSettings",
    "StoreUnavailable",
    "Stored",
    "UndeclaredQuery",
    "VersionConflict",
    "open_store",
]
