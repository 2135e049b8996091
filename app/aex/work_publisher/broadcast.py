"""Telling the subscribers of a category about new work, page by page, as effects of the work's outbox.

Owns whom to tell and how often to try. Each page of subscribers is one effect; what follows it (the next page, another
try for those that failed) is committed when it is done. At-least-once: the event id is the same in every try.
"""

import asyncio
from collections.abc import Sequence

import orjson

from aex.core.clock import Clock, stamp
from aex.core.errors import ApiError, unavailable
from aex.core.fields import nested, number, objects, text, texts
from aex.core.ids import derived_id
from aex.core.logging import get_logger
from aex.core.money import text_from_micro
from aex.core.outbox import Effect
from aex.core.peers import Peer
from aex.store.port import Document, JsonValue, Store
from aex.work_publisher.models import opportunity_view, regions_of, status_at
from aex.work_publisher.states import Status
from aex.work_publisher.webhooks import Outcome, Webhooks

log = get_logger(__name__)

KIND = "broadcast"
EVENT = "work.submitted"
SUBSCRIBED = "/internal/v1/providers/subscribed"
PAGE = 50
"""Subscribers told at once; all of them together take no longer than one timeout."""
MAX_PAGES = 100
"""At most 5,000 subscribers hear of one work."""
RETRY_AFTER_SECONDS = (2.0, 10.0)
"""Pauses before the second and third try of a webhook; windows are 5 s to 5 min."""
COUNT_SECONDS = 1.0
"""How long publishing waits for the number of subscribers."""
DEADLINE_SECONDS = 8.0
"""For one page: the registry's answer and one webhook timeout."""


class Broadcast:
    """Whom to tell about a work, and telling them."""

    def __init__(self, store: Store, registry: Peer, webhooks: Webhooks, clock: Clock) -> None:
        self._store = store
        self._registry = registry
        self._webhooks = webhooks
        self._clock = clock

    async def count(self, doc: Document) -> int | None:
        """How many providers subscribed to work like this; None when the registry does not say in time."""
        try:
            reply = await self._registry.call(
                "GET", SUBSCRIBED, params={**_filters(doc), "count_only": "true"}, deadline=COUNT_SECONDS
            )
            return max(0, number(reply.object(), "total")) if reply.ok else None
        except (ApiError, TypeError) as error:
            log.warning("subscribers not counted", error=str(error))
            return None

    def first(self, work_id: str) -> Effect:
        """The effect that starts the broadcast."""
        return self._effect({"work_id": work_id, "cursor": "", "page": 1, "only": [], "tries": 0})

    async def handle(self, payload: dict[str, JsonValue]) -> Sequence[Effect]:
        """Does one effect: tells one page of subscribers. Returns what follows."""
        work_id, tries, only = text(payload, "work_id"), number(payload, "tries"), texts(payload, "only")
        found = await self._store.get("work_specs", work_id)
        now = stamp(self._clock())
        if found is None or status_at(found.doc, now) is not Status.OPEN:
            return ()  # nobody could bid any more
        subscribers, cursor = await self._page(found.doc, text(payload, "cursor"))
        if only:
            wanted = frozenset(only)
            subscribers = [entry for entry in subscribers if text(entry, "provider_id") in wanted]
        outcomes = await asyncio.gather(*(self._tell(entry, work_id, found.doc, now) for entry in subscribers))
        failed = [
            text(entry, "provider_id")
            for entry, outcome in zip(subscribers, outcomes, strict=True)
            if outcome is Outcome.LATER
        ]
        delivered = sum(outcome is Outcome.DELIVERED for outcome in outcomes)
        log.info("work broadcast", work_id=work_id, delivered=delivered, failed=len(failed), tries=tries + 1)
        return self._following(payload, cursor, failed)

    def _following(self, payload: dict[str, JsonValue], cursor: str, failed: list[str]) -> list[Effect]:
        following: list[Effect] = []
        tries, page = number(payload, "tries"), number(payload, "page", 1)
        if failed and tries < len(RETRY_AFTER_SECONDS):
            again: dict[str, JsonValue] = {**payload, "only": list[JsonValue](failed), "tries": tries + 1}
            following.append(self._effect(again, RETRY_AFTER_SECONDS[tries]))
        if cursor and tries == 0 and page < MAX_PAGES:
            following.append(self._effect({**payload, "cursor": cursor, "page": page + 1, "only": [], "tries": 0}))
        return following

    def _effect(self, payload: dict[str, JsonValue], delay: float = 0.0) -> Effect:
        return Effect(KIND, payload, attempts=8, delay_seconds=delay)

    async def _page(self, doc: Document, cursor: str) -> tuple[list[Document], str]:
        params = {**_filters(doc), "limit": str(PAGE)}
        if cursor:
            params["cursor"] = cursor
        reply = await self._registry.call("GET", SUBSCRIBED, params=params)
        if not reply.ok:
            raise unavailable(f"the registry answered {reply.status}", code="peer_unavailable")
        body = reply.object()
        return objects(body, "providers"), text(body, "next_cursor")

    async def _tell(self, subscriber: Document, work_id: str, doc: Document, now: str) -> Outcome:
        url, provider_id = text(subscriber, "webhook_url"), text(subscriber, "provider_id")
        if not url:
            return Outcome.REFUSED  # polls instead
        event_id = derived_id("evt_", EVENT, work_id, provider_id)
        event = {
            "event_id": event_id,
            "event_type": EVENT,
            "schema_version": "1.0",
            "idempotency_key": f"work_{work_id}_submitted_{provider_id}",
            "timestamp": text(doc, "created_at"),
            "source": "aex-work-publisher",
            "data": {"domain": text(doc, "category"), **opportunity_view(work_id, doc, now)},
        }
        secret = text(subscriber, "webhook_secret")
        return await self._webhooks.send(url, secret, event=EVENT, event_id=event_id, body=orjson.dumps(event))


def _filters(doc: Document) -> dict[str, str]:
    filters = {"category": text(doc, "category"), "max_price": text_from_micro(number(doc, "max_price_micro"))}
    latency = number(nested(doc, "constraints"), "max_latency_ms")
    if latency:
        filters["max_latency_ms"] = str(latency)
    if regions := regions_of(doc):
        filters["regions"] = ",".join(regions)
    return filters


__all__ = ["DEADLINE_SECONDS", "EVENT", "KIND", "PAGE", "Broadcast"]
