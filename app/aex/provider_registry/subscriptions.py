"""Subscriptions: who wants to hear of which work, and the look-up by category that the work publisher asks.

A provider's document lists its subscriptions: being listed is what makes one exist, so the bound on their number is
exact, and a crash before it leaves a document and index entries that nobody finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aex.core.clock import Clock, from_stamp, stamp
from aex.core.context import RequestContext
from aex.core.errors import ApiError, bad_request, conflict, not_found
from aex.core.fields import nested, number, text, texts
from aex.core.ids import is_id, new_id
from aex.core.urls import check_url
from aex.provider_registry.changes import change
from aex.provider_registry.globs import index_key, look_up_keys, matches
from aex.provider_registry.index import Hit, Index, batches
from aex.provider_registry.models import MAX_SUBSCRIPTIONS, Filters, SubscriptionRequest
from aex.provider_registry.providers import PROVIDERS, Providers, owner_of
from aex.store.port import Document, Page, Store, Stored

SUBSCRIPTIONS = "subscriptions"
SUBSCRIPTION_INDEX = "subscription_index"
COUNTED_AT_MOST = 10_000
"""Where counting stops: nobody needs to know by how much more than this."""
_COUNT_SECONDS = 5.0
_COUNTS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Opportunity:
    """What is known about a piece of work when subscribers are looked for; None means unknown, which matches."""

    category: str
    max_price_micro: int | None = None
    max_latency_ms: int | None = None
    regions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One provider that wants to hear of an opportunity."""

    provider_id: str
    webhook_url: str
    webhook_secret: str


class Subscriptions:
    """The use cases on subscriptions."""

    def __init__(self, store: Store, providers: Providers, clock: Clock, *, relaxed: bool) -> None:
        self._store = store
        self._providers = providers
        self._index = Index(store, SUBSCRIPTION_INDEX, clock)
        self._clock = clock
        self._relaxed = relaxed
        self._counts: dict[Opportunity, tuple[str, int]] = {}

    async def subscribe(self, body: SubscriptionRequest, caller: RequestContext) -> Stored:
        """A new subscription of a provider that the caller owns; 409 when the provider has too many."""
        if not body.provider_id.strip():
            raise bad_request("provider_id is required")
        if not body.categories:
            raise bad_request("categories is required: name at least one category, * for all")
        self._check_delivery(body)
        provider = await self._providers.get(body.provider_id.strip())
        owner = owner_of(provider.doc)
        caller.require_tenant(owner, "the provider")
        categories = list(dict.fromkeys(body.categories))
        subscription_id = new_id("sub_")
        doc: Document = {
            "provider_id": provider.id,
            "owner_tenant_id": owner,
            "categories": list(categories),
            "filters": _stored_filters(body.filters),
            "delivery": body.delivery.model_dump(),
            "status": "ACTIVE",
            "created_at": stamp(self._clock()),
        }
        self._require_room(provider.doc)
        await self._index.write(subscription_id, provider.id, map(index_key, categories))
        stored = await self._store.insert(SUBSCRIPTIONS, subscription_id, doc)

        def decide(doc: Document) -> Document:
            self._require_room(doc)
            return {**doc, "subscription_ids": [*texts(doc, "subscription_ids"), subscription_id]}

        try:
            await change(self._store, PROVIDERS, provider, decide)
        except ApiError:
            await self._erase(stored)
            raise
        self.forget_counts()
        return stored

    async def cancel(self, subscription_id: str, caller: RequestContext) -> None:
        """Ends a subscription; 404 when there is none, or it is another tenant's."""
        stored = await self._store.get(SUBSCRIPTIONS, subscription_id) if is_id(subscription_id) else None
        if stored is None or not caller.may_act_for(text(stored.doc, "owner_tenant_id")):
            raise not_found("subscription not found")
        provider = await self._providers.get(text(stored.doc, "provider_id"))

        def decide(doc: Document) -> Document | None:
            ids = texts(doc, "subscription_ids")
            return {**doc, "subscription_ids": [id for id in ids if id != stored.id]} if stored.id in ids else None

        await change(self._store, PROVIDERS, provider, decide)
        await self._erase(stored)
        self.forget_counts()

    async def of_provider(self, provider_id: str, caller: RequestContext) -> list[Stored]:
        """A provider's subscriptions, oldest first; an unknown provider has none."""
        found = await self._store.get_many(PROVIDERS, [provider_id])
        provider = found.get(provider_id)
        if provider is None:
            return []
        caller.require_tenant(owner_of(provider.doc), "the provider")
        ids = texts(provider.doc, "subscription_ids")
        subscriptions = await self._store.get_many(SUBSCRIPTIONS, ids)
        return [subscriptions[id] for id in ids if id in subscriptions]

    async def all(self, caller: RequestContext, limit: int, cursor: str | None) -> Page:
        """The subscriptions of the caller's providers, or everybody's for a direct caller; oldest first."""
        caller.require_tenant(caller.tenant, "the list")
        mine = not caller.is_direct and "operator" not in caller.scopes
        where = {"owner_tenant_id": caller.tenant or ""} if mine else {"status": "ACTIVE"}
        page = await self._store.query(SUBSCRIPTIONS, where, order="created_at", limit=limit, cursor=cursor)
        owners = await self._store.get_many(PROVIDERS, [text(stored.doc, "provider_id") for stored in page.items])
        listed = {id for owner in owners.values() for id in texts(owner.doc, "subscription_ids")}
        return Page([stored for stored in page.items if stored.id in listed], page.cursor)

    async def subscribers(
        self, opportunity: Opportunity, limit: int, after: str
    ) -> tuple[list[Subscriber], str | None]:
        """Active providers beyond `after` that want to hear of it, by id, each once; and where to go on."""
        found: list[Subscriber] = []
        hits = self._index.hits(look_up_keys(opportunity.category), after=after)
        async for group in batches(hits, min(limit + 1, 200)):
            for subscriber in await self._resolve(group, opportunity):
                if len(found) == limit:
                    return found, found[-1].provider_id
                found.append(subscriber)
        return found, None

    async def count(self, opportunity: Opportunity) -> int:
        """How many providers want to hear of it, at most `COUNTED_AT_MOST`; up to 5 s old where others write too."""
        now = self._clock()
        cached = self._counts.get(opportunity)
        if cached is not None and (now - from_stamp(cached[0])).total_seconds() < _COUNT_SECONDS:
            return cached[1]
        counts, total = self._counts, 0
        async for group in batches(self._index.hits(look_up_keys(opportunity.category)), 200):
            total += len(await self._resolve(group, opportunity))
            if total >= COUNTED_AT_MOST:
                break
        if len(counts) >= _COUNTS_KEPT:
            counts.clear()
        counts[opportunity] = (stamp(now), total)
        return total

    def forget_counts(self) -> None:
        """To be called when a provider changes its state: the counts are no longer right."""
        self._counts = {}  # a new one, so that a count that is being made does not enter it

    async def _erase(self, stored: Stored) -> None:
        await self._store.delete(SUBSCRIPTIONS, stored.id)
        await self._index.erase(stored.id, map(index_key, texts(stored.doc, "categories")))

    async def _resolve(self, group: Sequence[Hit], opportunity: Opportunity) -> list[Subscriber]:
        """Which of `group` really match: the index only narrows down, the documents decide."""
        refs = [text(entry, "ref") for hit in group for entry in hit.entries]
        providers = await self._store.get_many(PROVIDERS, [hit.provider_id for hit in group])
        subscriptions = await self._store.get_many(SUBSCRIPTIONS, refs)
        found: list[Subscriber] = []
        unlisted: list[Document] = []
        for hit in group:
            provider = providers.get(hit.provider_id)
            listed = set(texts(provider.doc, "subscription_ids")) if provider else set[str]()
            unlisted += [entry for entry in hit.entries if text(entry, "ref") not in listed]
            if provider is None or provider.doc["status"] != "ACTIVE":
                continue
            ids = {text(entry, "ref") for entry in hit.entries} & listed & subscriptions.keys()
            wanting = [subscriptions[id] for id in ids if _wants(subscriptions[id].doc, opportunity)]
            if wanting:
                found.append(_subscriber(provider, wanting))
        await self._index.drop_abandoned(unlisted)
        return found

    def _require_room(self, provider: Document) -> None:
        if len(texts(provider, "subscription_ids")) >= MAX_SUBSCRIPTIONS:
            raise conflict(
                f"a provider has at most {MAX_SUBSCRIPTIONS} subscriptions: name several categories in one, or cancel "
                "one (DELETE /v1/subscriptions/{id})",
                "too_many_subscriptions",
            )

    def _check_delivery(self, body: SubscriptionRequest) -> None:
        if body.delivery.method == "webhook" and body.delivery.webhook_url:
            try:
                check_url(body.delivery.webhook_url, relaxed=self._relaxed)
            except ValueError as error:
                raise bad_request(f"delivery.webhook_url must be a valid URL: {error}") from error


def _stored_filters(filters: Filters) -> Document:
    return {
        "min_budget_micro": filters.min_budget,
        "max_latency_ms": filters.max_latency_ms,
        "regions": list(filters.regions) if filters.regions is not None else None,
    }


def _wants(doc: Document, opportunity: Opportunity) -> bool:
    filters = nested(doc, "filters")
    price, latency = opportunity.max_price_micro, opportunity.max_latency_ms
    if price is not None and price < number(filters, "min_budget_micro"):
        return False
    # A subscriber states the latency that it needs: work that must be answered faster is not for it.
    if latency is not None and latency < number(filters, "max_latency_ms"):
        return False
    regions = texts(filters, "regions")
    if regions and opportunity.regions and opportunity.regions.isdisjoint(regions):
        return False
    return any(matches(pattern, opportunity.category) for pattern in texts(doc, "categories"))


def _subscriber(provider: Stored, wanting: Sequence[Stored]) -> Subscriber:
    """The oldest subscription with an address decides; without any, the provider's own address (contract 4.2)."""
    for stored in sorted(wanting, key=lambda stored: (text(stored.doc, "created_at"), stored.id)):
        delivery = nested(stored.doc, "delivery")
        if text(delivery, "method") == "webhook" and text(delivery, "webhook_url"):
            return Subscriber(provider.id, text(delivery, "webhook_url"), text(delivery, "webhook_secret"))
    return Subscriber(provider.id, text(provider.doc, "bid_webhook"), "")


__all__ = ["COUNTED_AT_MOST", "SUBSCRIPTIONS", "Opportunity", "Subscriber", "Subscriptions"]
