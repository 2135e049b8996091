"""The registry's routes: parameters in, use cases, answers out."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from aex.core.context import Caller, RequestContext
from aex.core.errors import bad_request, not_found
from aex.core.ids import is_id
from aex.core.money import micro_from_text
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.wire import Json
from aex.provider_registry import answers
from aex.provider_registry.capabilities import Capabilities
from aex.provider_registry.cards import MAX_TAGS, Cards, Wanted, card_fields
from aex.provider_registry.models import AgentCard, KeyQuestion, Registration, SubscriptionRequest
from aex.provider_registry.providers import Providers, owner_of
from aex.provider_registry.scores import UNKNOWN, Scores
from aex.provider_registry.subscriptions import Opportunity, Subscriptions
from aex.store.port import Stored

QueryText = Annotated[str | None, Query(max_length=1024)]


@dataclass(frozen=True, slots=True)
class Registry:
    """The use cases that the routes lead to."""

    providers: Providers
    subscriptions: Subscriptions
    cards: Cards
    capabilities: Capabilities
    scores: Scores
    keys_in_query: bool
    """Whether the upstream form of key validation is served, which puts a key into the query string."""


def routes(registry: Registry) -> APIRouter:
    """All of them."""
    router = APIRouter()
    _add_providers(router, registry)
    _add_agents(router, registry)
    _add_subscriptions(router, registry)
    _add_internal(router, registry)
    return router


def _add_providers(router: APIRouter, registry: Registry) -> None:
    providers, scores = registry.providers, registry.scores

    @router.post("/v1/providers", tags=["providers"])
    async def register(
        body: Registration, caller: Caller, x_aex_quotas: Annotated[str | None, Header()] = None
    ) -> Response:
        """Registers a provider, or updates the caller's provider of this name; shows a fresh key pair, once."""
        answer = await providers.register(body, caller, _quota(x_aex_quotas, "max_agents"))
        registry.subscriptions.forget_counts()
        # Whoever is new has no history: the trust broker need not be asked.
        trust = UNKNOWN if answer.new else (await scores.of([answer.provider.id]))[answer.provider.id]
        return Json(answers.registered(answer, trust))

    @router.get("/v1/providers", tags=["providers"])
    async def list_providers(
        caller: Caller, limit: Limit = None, cursor: Cursor = None, mine: QueryText = None
    ) -> Response:
        """Active providers, oldest first; with `mine=true` the caller's own, whatever their state."""
        if mine == "true" and caller.tenant is not None:
            page = await providers.owned(caller.tenant, limit_from(limit), cursor or None)
        else:
            page = await providers.active(limit_from(limit), cursor or None)
        trust = await scores.of(stored.id for stored in page.items)
        rows = [answers.provider_summary(stored, trust[stored.id]) for stored in page.items]
        return Json(answers.page("providers", rows, page.cursor))

    @router.get("/v1/providers/search", tags=["providers"])
    async def search(
        skill_tags: QueryText = None,
        min_trust: QueryText = None,
        domain: QueryText = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """Agents with any of the comma-separated `skill_tags`, by provider id; none without tags.

        With `domain` only those that declare it or a capability below it, as in `/v1/capabilities/{domain}`.
        """
        tags = list(dict.fromkeys(filter(None, (tag.strip() for tag in (skill_tags or "").split(",")))))
        if len(tags) > MAX_TAGS:
            raise bad_request(f"skill_tags: at most {MAX_TAGS} tags can be searched at once")
        wanted = Wanted(tags, _share(min_trust), domain or "")
        found, after = await registry.cards.search(wanted, limit_from(limit), _after(cursor))
        return Json(answers.page("providers", [answers.found_agent(agent) for agent in found], after))

    @router.get("/v1/providers/{provider_id}", tags=["providers"])
    async def get_provider(provider_id: str) -> Response:
        """One provider."""
        stored = await providers.get(provider_id)
        return Json(answers.provider(stored, (await scores.of([stored.id]))[stored.id]))

    @router.delete("/v1/providers/{provider_id}", tags=["providers"])
    async def deactivate(provider_id: str, caller: Caller) -> Response:
        """Takes a provider out of the exchange; its keys stop working. Registering its name again brings it back."""
        return await status(provider_id, "INACTIVE", caller)

    @router.post("/v1/providers/{provider_id}/suspend", tags=["operator"])
    async def suspend(provider_id: str, caller: Caller) -> Response:
        """Suspends a provider; only the operator may, and only the operator can end it."""
        return await status(provider_id, "SUSPENDED", caller)

    @router.post("/v1/providers/{provider_id}/activate", tags=["operator"])
    async def activate(provider_id: str, caller: Caller) -> Response:
        """Ends a suspension or brings back an inactive provider; only the operator may."""
        return await status(provider_id, "ACTIVE", caller)

    async def status(provider_id: str, wanted: str, caller: RequestContext) -> Response:
        stored = await providers.set_status(provider_id, wanted, caller)
        registry.subscriptions.forget_counts()
        return Json(answers.provider(stored, (await scores.of([stored.id]))[stored.id]))


def _add_agents(router: APIRouter, registry: Registry) -> None:
    @router.post("/v1/providers/{provider_id}/agent-card", tags=["agents"])
    async def save_card(provider_id: str, body: AgentCard, caller: Caller) -> Response:
        """Makes this the provider's agent card, in place of the one before."""
        doc = await registry.cards.save(provider_id, body, caller)
        return Json(
            {
                "provider_id": provider_id,
                "a2a_endpoint": doc["a2a_endpoint"],
                "skills_indexed": len(body.skills),
                "message": "agent card registered successfully",
            }
        )

    @router.get("/v1/providers/{provider_id}/a2a", tags=["agents"])
    async def get_agent(provider_id: str, caller: Caller) -> Response:
        """One provider with its agent card; addresses and metadata only for its owner."""
        stored = await registry.providers.get(provider_id)
        trust = (await registry.scores.of([stored.id]))[stored.id]
        card = card_fields(await registry.cards.of(stored.id))
        return Json({**answers.provider_for(stored, trust, caller), **card})

    @router.get("/v1/capabilities", tags=["capabilities"])
    async def list_capabilities(limit: Limit = None, cursor: Cursor = None) -> Response:
        """Capabilities on offer, by name, with the number of providers."""
        page = await registry.capabilities.page(None, limit_from(limit), cursor or None)
        rows: list[dict[str, object]] = [{"capability": c.name, "providers": c.providers} for c in page.items]
        return Json(answers.page("capabilities", rows, page.cursor))

    @router.get("/v1/capabilities/{domain}", tags=["capabilities"])
    async def get_domain(domain: str, limit: Limit = None, cursor: Cursor = None) -> Response:
        """The capabilities of a domain (itself, and `domain.*`), and who offers the domain itself, paged."""
        if not 0 < len(domain) <= 128:
            raise not_found("no such capability domain")
        page = await registry.capabilities.page(domain, 1000, None)
        found, after = await registry.cards.offering(domain, limit_from(limit), _after(cursor))
        rows: list[dict[str, object]] = [answers.found_agent(agent) for agent in found]
        capabilities = [{"capability": c.name, "providers": c.providers} for c in page.items]
        return Json(answers.page("providers", rows, after, domain=domain, capabilities=capabilities))


def _add_subscriptions(router: APIRouter, registry: Registry) -> None:
    subscriptions = registry.subscriptions

    @router.post("/v1/subscriptions", tags=["subscriptions"])
    async def subscribe(body: SubscriptionRequest, caller: Caller) -> Response:
        """Subscribes a provider of the caller to categories of work."""
        answer = answers.subscription(await subscriptions.subscribe(body, caller))
        return Json({name: answer[name] for name in _SUBSCRIBED})

    @router.get("/v1/subscriptions", tags=["subscriptions"])
    async def list_subscriptions(
        caller: Caller, provider_id: QueryText = None, limit: Limit = None, cursor: Cursor = None
    ) -> Response:
        """The subscriptions of one provider, or of all the caller's providers; oldest first, without secrets."""
        after: str | None = None
        found: list[Stored]
        if provider_id:
            found = await subscriptions.of_provider(provider_id, caller) if is_id(provider_id) else []
        else:
            page = await subscriptions.all(caller, limit_from(limit), cursor or None)
            found, after = page.items, page.cursor
        return Json(answers.page("subscriptions", [answers.subscription(stored) for stored in found], after))

    @router.delete("/v1/subscriptions/{subscription_id}", tags=["subscriptions"])
    async def cancel(subscription_id: str, caller: Caller) -> Response:
        """Ends a subscription."""
        await subscriptions.cancel(subscription_id, caller)
        return Json({"subscription_id": subscription_id, "status": "CANCELLED"})


_SUBSCRIBED = ("subscription_id", "provider_id", "categories", "status", "created_at")


def _add_internal(router: APIRouter, registry: Registry) -> None:
    @router.get("/internal/v1/providers/subscribed", tags=["internal"])
    async def subscribed(
        category: QueryText = None,
        max_price: QueryText = None,
        max_latency_ms: QueryText = None,
        regions: QueryText = None,
        count_only: QueryText = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """Providers that want to hear of work in `category`, by id; `total` is that of the page, or of all."""
        if not category:
            raise bad_request("category is required")
        wanted = frozenset(filter(None, (region.strip() for region in (regions or "").split(","))))
        work = Opportunity(category, _price(max_price), _milliseconds(max_latency_ms), wanted)
        if count_only == "true":
            return Json({"category": category, "providers": [], "total": await registry.subscriptions.count(work)})
        found, after = await registry.subscriptions.subscribers(work, limit_from(limit), _after(cursor))
        trust = await registry.scores.of(subscriber.provider_id for subscriber in found)
        rows = [answers.subscriber(subscriber, trust[subscriber.provider_id]) for subscriber in found]
        return Json(answers.page("providers", rows, after, category=category))

    @router.post("/internal/v1/providers/validate-key", tags=["internal"])
    async def validate_key(body: KeyQuestion) -> Response:
        """Whose key this is, and whether it may be used now."""
        return Json(await _verdict(registry.providers, body.api_key))

    if not registry.keys_in_query:
        return  # a query string ends up in traces and access logs; the platform's own services POST

    @router.get("/internal/v1/providers/validate-key", tags=["internal"], deprecated=True)
    async def validate_key_in_query(api_key: QueryText = None) -> Response:
        """As upstream has it, where service auth is off; prefer POST, which keeps the key out of access logs."""
        if not api_key:
            raise bad_request("api_key is required")
        return Json(await _verdict(registry.providers, api_key))


async def _verdict(providers: Providers, api_key: str) -> dict[str, object]:
    stored = await providers.holder_of(api_key)
    if stored is None:
        return {"valid": False, "provider_id": "", "status": "", "tenant_id": ""}
    status = stored.doc["status"]
    owner = owner_of(stored.doc)
    return {"valid": status == "ACTIVE", "provider_id": stored.id, "status": status, "tenant_id": owner}


def _quota(header: str | None, name: str) -> int | None:
    """A number from the gateway's `X-AEX-Quotas: name=number,...`."""
    for part in (header or "").split(","):
        key, _, value = part.strip().partition("=")
        if key == name and value.isascii() and value.isdigit():
            return int(value)
    return None


def _share(text: str | None) -> float:
    """A number from a query parameter, 0 when it is none (contract 4.2 ignores what is not a number)."""
    try:
        share = float(text or 0)
    except ValueError:
        return 0.0
    return share if 0 <= share <= 1 else 0.0 if not share > 1 else 1.0


def _price(text: str | None) -> int | None:
    try:
        return micro_from_text(text) if text else None
    except ValueError as error:
        raise bad_request(f"max_price {error}") from error


def _milliseconds(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise bad_request("max_latency_ms must be a whole number of milliseconds")
    return int(text)


def _after(cursor: str | None) -> str:
    if cursor and not is_id(cursor):
        raise bad_request("cursor: pass next_cursor of the previous page unchanged", "bad_cursor")
    return cursor or ""


__all__ = ["Registry", "routes"]
