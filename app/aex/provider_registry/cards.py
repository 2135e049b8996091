"""Agent cards: what a provider's agent says about itself, and finding agents by their skills and capabilities.

The card is one document, written in one step; its skills are indexed under a reference that the card holds, so a
search sees the old card or the new one, never a mixture and never neither (see `index.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit, urlunsplit

from aex.core.clock import Clock, stamp
from aex.core.context import RequestContext
from aex.core.errors import bad_request, unavailable
from aex.core.fields import flag, text, texts
from aex.core.ids import new_id
from aex.core.urls import check_url
from aex.core.wire import pack, unpack
from aex.provider_registry.capabilities import within
from aex.provider_registry.index import Hit, Index, batches
from aex.provider_registry.models import MAX_CARD_BYTES, MAX_SKILL_KEYS, AgentCard
from aex.provider_registry.providers import PROVIDERS, Providers, capability_key, owner_of
from aex.provider_registry.scores import Scores, Trust
from aex.store.port import AlreadyExists, Document, JsonValue, Store, Stored, VersionConflict

AGENT_CARDS = "agent_cards"
AP2_EXTENSION = "https://github.com/google-agentic-commerce/ap2/v1"
"""What an agent that takes AP2 payments lists among its extensions (contract 4.2)."""
MAX_TAGS = 20
"""Tags of one search."""
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Found:
    """One agent that a search found."""

    provider: Stored
    card: Stored | None
    trust: Trust
    matched: list[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a search is for: any of `tags`; of `domain`, if it is not empty; trusted at least so much."""

    tags: Sequence[str]
    min_trust: float = 0.0
    domain: str = ""


def skill_key(tag: str) -> str:
    """The index key of a skill's tag or id."""
    return f"s:{tag.strip().casefold()}"


class Cards:
    """The use cases on agent cards."""

    def __init__(
        self, store: Store, index: Index, providers: Providers, scores: Scores, clock: Clock, *, relaxed: bool
    ) -> None:
        self._store = store
        self._index = index
        self._providers = providers
        self._scores = scores
        self._clock = clock
        self._relaxed = relaxed

    async def save(self, provider_id: str, card: AgentCard, caller: RequestContext) -> Document:
        """Makes `card` the provider's card; returns the stored document. Only the provider's owner may."""
        provider = await self._providers.get(provider_id)
        caller.require_tenant(owner_of(provider.doc), "the provider")
        doc = self._document(card, provider.id)
        keys = texts(doc, "index_keys")
        await self._index.write(text(doc, "ref"), provider.id, keys)
        replaced = await self._commit(provider.id, doc)
        if replaced is not None:
            await self._index.erase(text(replaced, "ref"), texts(replaced, "index_keys"))
        return doc

    async def of(self, provider_id: str) -> Document | None:
        """The stored card of a provider, if it has one."""
        stored = await self._store.get(AGENT_CARDS, provider_id)
        return stored.doc if stored else None

    async def search(self, wanted: Wanted, limit: int, after: str) -> tuple[list[Found], str | None]:
        """Active providers beyond `after` with any of the tags among skill tags, skill ids and capabilities, by id."""
        found: list[Found] = []
        keys = [key for tag in wanted.tags for key in (skill_key(tag), capability_key(tag))]
        async for group in batches(self._index.hits(keys, after=after), min(limit + 1, 200)):
            for agent in await self._resolve(group, wanted):
                if len(found) == limit:
                    return found, found[-1].provider.id
                found.append(agent)
        return found, None

    async def offering(self, capability: str, limit: int, after: str) -> tuple[list[Found], str | None]:
        """Active providers beyond `after` that declare exactly this capability."""
        found: list[Found] = []
        hits = self._index.hits([capability_key(capability)], after=after)
        async for group in batches(hits, min(limit + 1, 200)):
            for agent in await self._resolve(group, Wanted([capability])):
                if len(found) == limit:
                    return found, found[-1].provider.id
                found.append(agent)
        return found, None

    async def _resolve(self, group: Sequence[Hit], wanted: Wanted) -> list[Found]:
        """Which of `group` really match: the index only narrows down, the documents decide."""
        ids = [hit.provider_id for hit in group]
        providers = await self._store.get_many(PROVIDERS, ids)
        cards = await self._store.get_many(AGENT_CARDS, ids)
        scores = await self._scores.of(ids)
        found: list[Found] = []
        unlisted: list[Document] = []
        for hit in group:
            provider, card = providers.get(hit.provider_id), cards.get(hit.provider_id)
            refs = {text(provider.doc, "capability_ref")} if provider else set[str]()
            refs |= {text(card.doc, "ref")} if card else set[str]()
            keys = {text(entry, "key") for entry in hit.entries if text(entry, "ref") in refs}
            unlisted += [entry for entry in hit.entries if text(entry, "ref") not in refs]
            matched = [tag for tag in wanted.tags if skill_key(tag) in keys or capability_key(tag) in keys]
            trust = scores[hit.provider_id]
            if not matched or provider is None or provider.doc["status"] != "ACTIVE":
                continue
            if trust.score >= wanted.min_trust and _of_domain(provider, wanted.domain):
                found.append(Found(provider, card, trust, matched))
        await self._index.drop_abandoned(unlisted)
        return found

    async def _commit(self, provider_id: str, doc: Document) -> Document | None:
        """Puts `doc` in the place of the card; returns the card that it replaced."""
        for _ in range(_ATTEMPTS):
            stored = await self._store.get(AGENT_CARDS, provider_id)
            try:
                if stored is None:
                    await self._store.insert(AGENT_CARDS, provider_id, doc)
                    return None
                await self._store.replace(stored, doc, collection=AGENT_CARDS)
            except (AlreadyExists, VersionConflict):
                continue
            return stored.doc
        raise unavailable("others keep changing this card at the same time; try again")

    def _document(self, card: AgentCard, provider_id: str) -> Document:
        if not card.name.strip() or not card.url.strip() or not card.skills:
            raise bad_request("agent card must have name, url, and at least one skill")
        try:
            check_url(card.url, relaxed=self._relaxed)
        except ValueError as error:
            raise bad_request(f"invalid agent card: url must be a valid URL: {error}") from error
        skills = [skill.id for skill in card.skills if skill.id.strip()]
        tags = [tag for skill in card.skills for tag in skill.tags if tag.strip()]
        keys = sorted({skill_key(name) for name in (*skills, *tags)})
        if len(keys) > MAX_SKILL_KEYS:
            raise bad_request(f"invalid agent card: at most {MAX_SKILL_KEYS} different skill ids and tags can be found")
        packed = pack(cast(JsonValue, card.model_dump(exclude_unset=True)))
        if len(packed) > MAX_CARD_BYTES:
            raise bad_request(f"invalid agent card: it must be at most {MAX_CARD_BYTES} bytes of JSON")
        return {
            "provider_id": provider_id,
            "card": packed,
            "a2a_endpoint": a2a_endpoint(card.url),
            "skills": list(skills),
            "ap2_enabled": any(extension.uri == AP2_EXTENSION for extension in card.capabilities.extensions),
            "ref": new_id("six_"),
            "index_keys": list(keys),
            "updated_at": stamp(self._clock()),
        }


def _of_domain(provider: Stored, domain: str) -> bool:
    return not domain or any(within(name, domain) for name in texts(provider.doc, "capabilities"))


def a2a_endpoint(url: str) -> str:
    """Where the agent of a card listens: the card's URL with the path `/a2a`, its query kept (contract 4.2)."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/a2a", parts.query, ""))


def card_fields(card: Mapping[str, JsonValue] | None) -> dict[str, object]:
    """What an answer says of a stored card."""
    if card is None:
        return {}
    return {"agent_card": unpack(text(card, "card")), "a2a_endpoint": text(card, "a2a_endpoint")}


def takes_ap2(card: Stored | None) -> bool:
    """Whether the agent takes AP2 payments."""
    return card is not None and flag(card.doc, "ap2_enabled")


__all__ = [
    "AGENT_CARDS",
    "AP2_EXTENSION",
    "MAX_TAGS",
    "Cards",
    "Found",
    "Wanted",
    "a2a_endpoint",
    "card_fields",
    "takes_ap2",
]
