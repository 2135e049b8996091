"""The durable outbox: effects on other services and on other documents that must happen exactly once in the end.

Effects are part of the document whose change causes them, so one write commits both. They are tried within the request,
with a deadline, and by a sweep afterwards until the receiver, which is idempotent, has acknowledged. An effect is
removed only after that; a crash anywhere means it is sent again, never that it is lost.
"""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from aex.core.clock import Clock, stamp
from aex.core.errors import ApiError
from aex.core.logging import get_logger
from aex.store.port import Document, JsonValue, Store, Stored, StoreUnavailable, VersionConflict

log = get_logger(__name__)

DELIVERY_SECONDS = 3.0
"""How long a request waits for its own effects; a sweep leaves them alone that long."""
_MAX_BACKOFF_SECONDS = 60.0
_AT_ONCE = 8
"""Documents that a sweep tries at the same time."""


class Undeliverable(Exception):
    """The effect can never be done; it is dropped and the reason logged."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to be done: `kind` names the handler, which finds all it needs in `payload`."""

    kind: str
    payload: Mapping[str, JsonValue]
    attempts: int | None = None
    """Attempts before it is dropped; None for those that must happen."""
    delay_seconds: float = 0.0
    """Not tried before that long from now."""


Handler = Callable[[dict[str, JsonValue]], Awaitable[Sequence[Effect] | None]]
"""Does one effect. Returning means done; what it returns are the effects that follow, committed with its removal.

`Undeliverable` means never; any `ApiError` or store error means later.
"""


class Outbox:
    """The outbox of the documents of one collection.

    `deadline` is how many seconds one delivery may take; handlers that talk to slow outsiders need more.
    """

    def __init__(
        self,
        store: Store,
        collection: str,
        clock: Clock,
        handlers: Mapping[str, Handler],
        *,
        deadline: float = DELIVERY_SECONDS,
    ) -> None:
        self._store = store
        self._collection = collection
        self._clock = clock
        self._handlers = handlers
        self._deadline = deadline

    def attach(self, doc: Document, *effects: Effect) -> Document:
        """A copy of `doc` that carries `effects` besides those it has; store it to commit them."""
        due = self._in(self._deadline + 1)
        return _with(doc, [*_entries(doc), *self._new(effects)], due, doc.get("outbox_tries", 0))

    async def deliver(self, stored: Stored, *, deadline: float | None = None) -> Stored:
        """Tries all effects of `stored` but delayed ones; returns the document as it is afterwards.

        Never raises for a peer. What is not done within `deadline` seconds is cut off and tried again by a sweep.
        """
        entries = [entry for entry in _entries(stored.doc) if not self._delayed(entry)]
        if not entries:
            return stored
        done: dict[str, Sequence[Effect]] = {}
        tasks = [asyncio.create_task(self._do(entry, done)) for entry in entries]
        try:
            await asyncio.wait(tasks, timeout=self._deadline if deadline is None else deadline)
        finally:  # also when we are cancelled: no effect goes on after its document was given up
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        tried = {_name(entry) for entry in entries}
        try:
            return await self._settle(stored, tried, done)
        except StoreUnavailable:
            log.warning("outbox not updated; its effects will be repeated", collection=self._collection, id=stored.id)
            return stored

    async def sweep(self, limit: int = 50) -> int:
        """Tries what is due, oldest first, a few documents at a time; returns how many documents were tried."""
        page = await self._store.query(
            self._collection,
            {"outbox_pending": True},
            order="outbox_next_at",
            limit=limit,
            high=stamp(self._clock()),
        )
        for start in range(0, len(page.items), _AT_ONCE):
            await asyncio.gather(*(self.deliver(stored) for stored in page.items[start : start + _AT_ONCE]))
        return len(page.items)

    async def _do(self, entry: dict[str, JsonValue], done: dict[str, Sequence[Effect]]) -> None:
        kind = cast(str, entry["kind"])
        following: Sequence[Effect] | None = None
        try:
            following = await self._handlers[kind](cast(dict[str, JsonValue], entry["payload"]))
        except (ApiError, StoreUnavailable, VersionConflict) as error:
            log.info("effect not done yet", kind=kind, collection=self._collection, error=str(error))
            return
        except Undeliverable as reason:
            log.error("effect dropped", kind=kind, collection=self._collection, reason=str(reason))
        done[_name(entry)] = following or ()

    async def _settle(self, stored: Stored, tried: set[str], done: Mapping[str, Sequence[Effect]]) -> Stored:
        """Removes what is done; whoever changed the document in between keeps the change."""
        while True:
            try:
                return await self._store.replace(
                    stored, self._remaining(stored.doc, tried, done), collection=self._collection
                )
            except VersionConflict:
                fresh = await self._store.get(self._collection, stored.id)
                if fresh is None:
                    return stored
                stored = fresh

    def _remaining(self, doc: Document, tried: set[str], done: Mapping[str, Sequence[Effect]]) -> Document:
        entries = _entries(doc)
        tries = cast(int, doc.get("outbox_tries", 0)) + 1
        left = [
            {**entry, "left": _one_less(entry["left"])} if _name(entry) in tried else entry
            for entry in entries
            if _name(entry) not in done
        ]
        left = [entry for entry in left if entry["left"] is None or cast(int, entry["left"]) > 0]
        # Only what was still there when it was done has consequences: another delivery may have been first.
        following = self._new([effect for entry in entries for effect in done.get(_name(entry), ())])
        if not left and not following:
            return without_outbox(doc)
        wait = min(_MAX_BACKOFF_SECONDS, 2.0 ** min(tries, 10) * 0.25) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
        due = [str(entry["at"]) if self._delayed(entry) else self._in(wait) for entry in left]
        due += [str(entry["at"]) if self._delayed(entry) else self._in(0) for entry in following]
        return _with(doc, [*left, *following], min(due), tries)

    def _new(self, effects: Sequence[Effect]) -> list[dict[str, JsonValue]]:
        # Names are random and never used again: a delivery that comes late must not remove a later effect.
        return [
            {
                "n": secrets.token_hex(6),
                "kind": effect.kind,
                "payload": dict(effect.payload),
                "left": effect.attempts,
                "at": self._in(effect.delay_seconds) if effect.delay_seconds else None,
            }
            for effect in effects
        ]

    def _delayed(self, entry: Mapping[str, JsonValue]) -> bool:
        return str(entry.get("at") or "") > self._in(0)

    def _in(self, seconds: float) -> str:
        return stamp(self._clock() + timedelta(seconds=seconds))


_FIELDS = frozenset({"outbox", "outbox_pending", "outbox_next_at", "outbox_tries"})


def _entries(doc: Document) -> list[dict[str, JsonValue]]:
    return [dict(cast(dict[str, JsonValue], entry)) for entry in cast(list[JsonValue], doc.get("outbox") or [])]


def _name(entry: Mapping[str, JsonValue]) -> str:
    return cast(str, entry["n"])


def _with(doc: Document, entries: Sequence[dict[str, JsonValue]], next_at: str, tries: JsonValue) -> Document:
    bookkeeping = {"outbox_pending": True, "outbox_next_at": next_at, "outbox_tries": tries}
    return {**doc, **bookkeeping, "outbox": cast(JsonValue, list(entries))}


def _one_less(left: JsonValue) -> JsonValue:
    return left if left is None else cast(int, left) - 1


def without_outbox(doc: Document) -> Document:
    """`doc` without the bookkeeping, for answers and comparisons."""
    return {name: value for name, value in doc.items() if name not in _FIELDS}


__all__ = ["DELIVERY_SECONDS", "Effect", "Handler", "Outbox", "Undeliverable", "without_outbox"]
