"""The registry's answers (contract 4.2). What is private to a provider's owner appears only where it says so."""

from collections.abc import Mapping

from aex.core.clock import wire_time
from aex.core.context import RequestContext
from aex.core.fields import nested, text, texts
from aex.core.money import number_from_micro
from aex.core.wire import pack, present, unpack
from aex.provider_registry.cards import Found, takes_ap2
from aex.provider_registry.providers import Registered, owner_of
from aex.provider_registry.scores import Trust
from aex.provider_registry.subscriptions import Subscriber
from aex.store.port import JsonValue, Stored


def registered(answer: Registered, trust: Trust) -> dict[str, object]:
    """A registration: the only sight of the key pair."""
    return {
        "provider_id": answer.provider.id,
        "api_key": answer.api_key,
        "api_secret": answer.api_secret,
        "status": answer.provider.doc["status"],
        "trust_tier": trust.tier,
        "created_at": wire_time(text(answer.provider.doc, "created_at")),
    }


def provider(stored: Stored, trust: Trust) -> dict[str, object]:
    """One provider, as anybody sees it."""
    doc = stored.doc
    return {
        "provider_id": stored.id,
        "name": doc["name"],
        "description": doc["description"],
        "endpoint": doc["endpoint"],
        "status": doc["status"],
        "trust_score": trust.score,
        "trust_tier": trust.tier,
        "capabilities": doc["capabilities"],
        "created_at": wire_time(text(doc, "created_at")),
        "updated_at": wire_time(text(doc, "updated_at")),
    }


def provider_for(stored: Stored, trust: Trust, caller: RequestContext) -> dict[str, object]:
    """One provider with everything that the caller may know of it."""
    answer = provider(stored, trust)
    if not caller.may_act_for(owner_of(stored.doc)):
        return answer
    private = {name: stored.doc[name] for name in ("bid_webhook", "contact_email")}
    return {**answer, **private, **present({"metadata": _texts_only(unpack(text(stored.doc, "metadata") or "null"))})}


def provider_summary(stored: Stored, trust: Trust) -> dict[str, object]:
    """One row of the list."""
    names = ("name", "description", "endpoint", "status", "capabilities")
    row = {name: stored.doc[name] for name in names}
    return {"provider_id": stored.id, **row, "trust_score": trust.score, "trust_tier": trust.tier}


def found_agent(agent: Found) -> dict[str, object]:
    """One row of a search."""
    card = agent.card.doc if agent.card else {}
    return {
        "provider_id": agent.provider.id,
        "name": agent.provider.doc["name"],
        "description": agent.provider.doc["description"],
        "endpoint": agent.provider.doc["endpoint"],
        "a2a_endpoint": text(card, "a2a_endpoint"),
        "trust_score": agent.trust.score,
        "trust_tier": agent.trust.tier,
        "skills": texts(card, "skills"),
        "matched_tags": agent.matched,
        "ap2_enabled": takes_ap2(agent.card),
    }


def subscription(stored: Stored) -> dict[str, object]:
    """One subscription; the webhook's secret is never shown again."""
    doc = stored.doc
    filters, delivery = nested(doc, "filters"), nested(doc, "delivery")
    budget = filters.get("min_budget_micro")
    return {
        "subscription_id": stored.id,
        "provider_id": doc["provider_id"],
        "categories": doc["categories"],
        "filters": present(
            {
                "min_budget": number_from_micro(budget) if isinstance(budget, int) else None,
                "max_latency_ms": filters.get("max_latency_ms"),
                "regions": filters.get("regions"),
            }
        ),
        "delivery": {"method": text(delivery, "method"), "webhook_url": text(delivery, "webhook_url")},
        "status": doc["status"],
        "created_at": wire_time(text(doc, "created_at")),
    }


def subscriber(found: Subscriber, trust: Trust) -> dict[str, object]:
    """One provider to be told of work; goes to the work publisher only, which signs with the secret."""
    return {
        "provider_id": found.provider_id,
        "webhook_url": found.webhook_url,
        **({"webhook_secret": found.webhook_secret} if found.webhook_secret else {}),
        "trust_score": trust.score,
    }


def page(name: str, rows: list[dict[str, object]], cursor: str | None, **more: object) -> dict[str, object]:
    """A list in the contract's shape; `total` counts the rows of this page."""
    return {**more, name: rows, "total": len(rows), **present({"next_cursor": cursor})}


def _texts_only(metadata: JsonValue) -> Mapping[str, str] | None:
    """Clients of the contract decode metadata as an object of strings (1.7), so other values go out as JSON text."""
    if not isinstance(metadata, dict):
        return None
    return {name: value if isinstance(value, str) else pack(value) for name, value in metadata.items()}


__all__ = [
    "found_agent",
    "page",
    "provider",
    "provider_for",
    "provider_summary",
    "registered",
    "subscriber",
    "subscription",
]
