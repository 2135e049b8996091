"""`python -m aex export` and `import`: all collections of an exchange as JSON lines, from one database into another.

Both stream: memory does not grow with the data. An import goes through the store port, so that indexes, hidden fields
and checks are those of every other write. A target that holds more than services make when they first start is refused,
unless the import is a continuation: then a document that is there must be the same, and is left alone. Stop the
exchange first: what is written during an export may be missing in it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice

from aex.core.clock import stamp
from aex.store import AlreadyExists, Store, Stored, StoreError
from aex.store.declarations import Collection, load
from aex.store.whole import everything
from aex.tools.lines import BadExport, Digest, Line, end, head, parse
from aex.tools.place import Place, Readers, owners

_AT_ONCE = 32
"""Inserts under way at the same time: enough to hide a round trip, and no burden on the database."""
_OPERATOR = "tenant_operator"
_AGING = timedelta(hours=1)
"""What ages out within this time is not looked for again: the database may drop it during the import."""


class NotImported(Exception):
    """The import can not be done; the message says why and what to do."""


async def export(place: Place, write: Callable[[bytes], object]) -> Digest:
    """Writes all documents of `place`, line by line. Returns how many there were, and their digest."""
    digest = Digest()
    write(head() + b"\n")
    async with Readers(place) as readers:
        for name, collection in sorted(load().items()):
            async for stored in everything(await readers.of(collection), name):
                line = Line(name, stored.id, stored.doc).encode()
                digest.add(line)
                write(line + b"\n")
    write(end(digest) + b"\n")
    return digest


async def import_(place: Place, lines: Iterable[bytes], *, resume: bool = False) -> Digest:
    """Inserts the documents of an export into `place` and reads them back.

    Returns how many documents were imported. Raises `NotImported` or `BadExport`; what was inserted until then stays,
    and `resume` continues from there.
    """
    soon = stamp(datetime.now(UTC) + _AGING)
    imported, lasting = Digest(), Digest()
    async with AsyncExitStack() as stack:
        stores: dict[str, Store] = {}
        for service in owners():  # before anything is looked at: this is what creates a SQLite file
            stores[service] = await place.open(service)
            stack.push_async_callback(stores[service].close)
        if not resume:
            await _make_room(place, stores)
        documents = parse(lines)
        while batch := list(islice(documents, _AT_ONCE)):
            await asyncio.gather(*(_insert(stores, line, resume=resume) for line in batch))
            for line in batch:
                text = line.encode()
                imported.add(text)
                if not _ages(load()[line.collection], line.doc, soon):
                    lasting.add(text)
        found = await _read_back(place, soon)
    if (found.documents, found.total) != (lasting.documents, lasting.total):
        raise NotImported(
            f"the target holds {found.documents} documents with digest {found.text}, and the export"
            f" {lasting.documents} with {lasting.text}: something else writes to the target; stop it and start again"
        )
    return imported


async def _insert(stores: Mapping[str, Store], line: Line, *, resume: bool) -> None:
    collection = load().get(line.collection)
    if collection is None:
        raise NotImported(f"this release has no collection {line.collection}: import with the release that exported it")
    store = stores[collection.owner]
    try:
        await store.insert(line.collection, line.id, line.doc)
    except AlreadyExists:
        there = await store.get(line.collection, line.id)
        if resume and there is not None and Line(line.collection, line.id, there.doc).encode() == line.encode():
            return
        raise NotImported(f"{line.collection}/{line.id} is in the target already and differs") from None
    except StoreError as error:
        raise NotImported(
            f"{line.collection}/{line.id} could not be written: {error}; when that is mended, continue with --resume"
        ) from error


async def _make_room(place: Place, stores: Mapping[str, Store]) -> None:
    """Removes what services make when they first start. Raises `NotImported` if there is anything else."""
    seeds: list[tuple[str, str]] = []
    async with Readers(place) as readers:
        for name, collection in sorted(load().items()):
            async for stored in everything(await readers.of(collection), name):
                if not _made_at_start(name, stored):
                    raise NotImported(
                        f"the target is not empty ({name} holds documents): import into an empty database, or"
                        " continue an import that was interrupted with --resume"
                    )
                seeds.append((name, stored.id))
    for name, id in seeds:
        await stores[load()[name].owner].delete(name, id)


def _made_at_start(collection: str, stored: Stored) -> bool:
    """Whether a service that has done nothing yet has this: the operator and its key, counters of telemetry."""
    match collection:
        case "tenants":
            return stored.id == _OPERATOR
        case "api_keys":
            return stored.doc.get("tenant_id") == _OPERATOR
        case _:
            return collection == "telemetry_totals"


async def _read_back(place: Place, soon: str) -> Digest:
    digest = Digest()
    async with Readers(place) as readers:
        for name, collection in sorted(load().items()):
            async for stored in everything(await readers.of(collection), name):
                if not _ages(collection, stored.doc, soon):
                    digest.add(Line(name, stored.id, stored.doc).encode())
    return digest


def _ages(collection: Collection, doc: Mapping[str, object], soon: str) -> bool:
    at = doc.get(collection.ttl) if collection.ttl else None
    return isinstance(at, str) and at < soon


__all__ = ["BadExport", "NotImported", "export", "import_"]
