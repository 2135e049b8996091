"""Capability discovery: which capabilities are on offer, by how many providers, and which belong to a domain."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from aex.core.clock import Clock
from aex.core.fields import text
from aex.provider_registry.index import Index
from aex.provider_registry.providers import SKILL_INDEX, capability_key
from aex.store.port import Store

_FRESH = timedelta(seconds=5)
_PAGES_KEPT = 200
_SEPARATORS = frozenset("./:-_")
_BEYOND = "\U0010ffff"


class Capability(NamedTuple):
    """One capability on offer."""

    name: str
    providers: int


class CapabilityPage(NamedTuple):
    """Some capabilities by name, and where to go on."""

    items: list[Capability]
    cursor: str | None


class Capabilities:
    """Reads the names and counts that registrations leave in the skill index; pages are kept for seconds."""

    def __init__(self, store: Store, index: Index, clock: Clock) -> None:
        self._store = store
        self._index = index
        self._clock = clock
        self._pages: dict[tuple[str | None, int, str | None], tuple[datetime, CapabilityPage]] = {}

    async def page(self, domain: str | None, limit: int, cursor: str | None) -> CapabilityPage:
        """Capabilities in use, by name: all, or `domain` itself and what begins with it and a separator."""
        key, now = (domain, limit, cursor), self._clock()
        kept = self._pages.get(key)
        if kept is not None and now - kept[0] < _FRESH:
            return kept[1]
        read = await self._store.query(
            SKILL_INDEX,
            {"kind": "capability"},
            order="capability",
            limit=limit,
            cursor=cursor,
            low=domain,
            high=f"{domain}{_BEYOND}" if domain is not None else None,
            stale_ok=True,
        )
        names = [text(stored.doc, "capability") for stored in read.items]
        names = [name for name in names if domain is None or within(name, domain)]
        counts = await asyncio.gather(*(self._index.count(capability_key(name)) for name in names))
        page = CapabilityPage(
            [Capability(name, count) for name, count in zip(names, counts, strict=True) if count], read.cursor
        )
        if len(self._pages) >= _PAGES_KEPT:
            self._pages.clear()
        self._pages[key] = (now, page)
        return page


def within(name: str, domain: str) -> bool:
    """Whether a capability belongs to `domain`: it is the domain, or begins with it and a separator."""
    return name == domain or (name.startswith(domain) and name[len(domain)] in _SEPARATORS)


__all__ = ["Capabilities", "Capability", "CapabilityPage", "within"]
