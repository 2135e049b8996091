"""The durable outbox: effects on other services and on other documents that must happen exactly once in the end.

Effects are part of the document whose change causes them, so one write commits both. They are tried within the request,
with a deadline, and by a sweep afterwards until the receiver, which is idempotent, has acknowledged. An effect is
removed only after that; a crash anywhere means it is sent again, never that it is lost.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from aex.core.clock import Clock, stamp
from aex.core.errors import ApiError
from aex.core.logging import get_logger
from aex.store.port import Document, JsonValue, Store, Stored, StoreUnavailable, VersionConflict

log = get_logger(__name__)

Handler = Callable[[dict[str, JsonValue]], Awaitable[None]]
"""Does one effect. Returning means done; `Undeliverable` means never; any `ApiError` or store error means later."""

DELIVERY_SECONDS = 3.0
"""How long a request waits for its own effects; a sweep leaves them alone that long."""
_MAX_BACKOFF_SECONDS = 60.0


class Undeliverable(Exception):
    """The effect can never be done; it is dropped and the reason logged."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to be done: `kind` names the handler, `id` makes it one among those of its document."""

    kind: str
    payload: Mapping[str, JsonValue]
    attempts: int | None = None
    """Attempts before it is dropped; None for those that must happen."""


class Outbox:
    """The outbox of the documents of one collection."""

    def __init__(self, store: Store, collection: str, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        self._store = store
        self._collection = collection
        self._clock = clock
        self._handlers = handlers

    def attach(self, doc: Document, *effects: Effect) -> Document:
        """A copy of `doc` that carries `effects` besides those it has; store it to commit them."""
        entries = _entries(doc)
        first = 1 + max((cast(int, entry["n"]) for entry in entries), default=0)
        entries += [
            {"n": first + index, "kind": e.kind, "payload": dict(e.payload), "left": e.attempts}
            for index, e in enumerate(effects)
        ]
        due = stamp(self._clock() + timedelta(seconds=DELIVERY_SECONDS + 1))
        bookkeeping = {"outbox_pending": True, "outbox_next_at": due, "outbox_tries": 0}
        return {**doc, **bookkeeping, "outbox": cast(JsonValue, entries)}

    async def deliver(self, stored: Stored, *, deadline: float = DELIVERY_SECONDS) -> Stored:
        """Tries all effects of `stored` at once; returns the document as it is afterwards. Never raises for a peer."""
        entries = _entries(stored.doc)
        if not entries:
            return stored
        done: set[int] = set()
        tasks = [asyncio.create_task(self._do(entry, done)) for entry in entries]
        _, late = await asyncio.wait(tasks, timeout=deadline)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        tried = {cast(int, entry["n"]) for entry in entries}
        try:
            return await self._settle(stored, tried, done)
        except StoreUnavailable:
            log.warning("outbox not updated; its effects will be repeated", collection=self._collection, id=stored.id)
            return stored

    async def sweep(self, limit: int = 50) -> int:
        """Tries what is due, oldest first; returns how many documents were tried."""
        page = await self._store.query(
            self._collection,
            {"outbox_pending": True},
            order="outbox_next_at",
            limit=limit,
            high=stamp(self._clock()),
        )
        for stored in page.items:
            await self.deliver(stored)
        return len(page.items)

    async def _do(self, entry: dict[str, JsonValue], done: set[int]) -> None:
        number, kind = cast(int, entry["n"]), cast(str, entry["kind"])
        try:
            await self._handlers[kind](cast(dict[str, JsonValue], entry["payload"]))
        except (ApiError, StoreUnavailable, VersionConflict) as error:
            log.info("effect not done yet", kind=kind, collection=self._collection, error=str(error))
            return
        except Undeliverable as reason:
            log.error("effect dropped", kind=kind, collection=self._collection, reason=str(reason))
        done.add(number)

    async def _settle(self, stored: Stored, tried: set[int], done: set[int]) -> Stored:
        """Removes what is done; whoever changed the document in between keeps the change."""
        while True:
            left = [
                _one_attempt_less(entry) if entry["n"] in tried else entry
                for entry in _entries(stored.doc)
                if entry["n"] not in done
            ]
            left = [entry for entry in left if entry["left"] is None or cast(int, entry["left"]) > 0]
            try:
                return await self._store.replace(stored, self._remaining(stored.doc, left), collection=self._collection)
            except VersionConflict:
                fresh = await self._store.get(self._collection, stored.id)
                if fresh is None:
                    return stored
                stored = fresh

    def _remaining(self, doc: Document, left: Sequence[dict[str, JsonValue]]) -> Document:
        if not left:
            return {name: value for name, value in doc.items() if name not in _FIELDS}
        tries = cast(int, doc.get("outbox_tries", 0)) + 1
        wait = min(_MAX_BACKOFF_SECONDS, 2.0 ** min(tries, 10) * 0.25) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
        return {
            **doc,
            "outbox": cast(JsonValue, list(left)),
            "outbox_tries": tries,
            "outbox_next_at": stamp(self._clock() + timedelta(seconds=wait)),
        }


_FIELDS = frozenset({"outbox", "outbox_pending", "outbox_next_at", "outbox_tries"})


def _entries(doc: Document) -> list[dict[str, JsonValue]]:
    return [dict(cast(dict[str, JsonValue], entry)) for entry in cast(list[JsonValue], doc.get("outbox") or [])]


def _one_attempt_less(entry: dict[str, JsonValue]) -> dict[str, JsonValue]:
    left = entry["left"]
    return entry if left is None else {**entry, "left": cast(int, left) - 1}


def without_outbox(doc: Document) -> Document:
    """`doc` without the bookkeeping, for answers and comparisons."""
    return {name: value for name, value in doc.items() if name not in _FIELDS}


__all__ = ["DELIVERY_SECONDS", "Effect", "Handler", "Outbox", "Undeliverable", "without_outbox"]
