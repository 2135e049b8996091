"""Awarding: one contract per work, because the contract's id derives from the work's.

First the contract is inserted as RESERVED, carrying the effect that claims the work; then the work is claimed; then the
contract is AWARDED. A crash anywhere in between is finished by the outbox. A work that says no makes the reservation
vanish.
"""

from dataclasses import dataclass

from aex.contract_engine import rules
from aex.contract_engine.choice import Choice, Offer
from aex.contract_engine.models import AwardBody
from aex.contract_engine.rules import Status
from aex.contract_engine.tokens import Tokens
from aex.core.clock import Clock, later, stamp
from aex.core.context import RequestContext
from aex.core.errors import ApiError, conflict, not_found, unavailable
from aex.core.fields import text
from aex.core.ids import derived_id, is_id
from aex.core.logging import get_logger
from aex.core.outbox import Effect, Outbox, without_outbox
from aex.core.peers import Peer, path
from aex.store import AlreadyExists, Document, JsonValue, Store, Stored, VersionConflict

log = get_logger(__name__)

CONTRACTS = "contracts"
_CLAIM_SECONDS = 2.5
"""How long an award waits for the work; the outbox leaves a reservation alone for longer than that."""
_ABANDONED_SECONDS = 5.0
"""Age from which a reservation belongs to nobody: whoever made it has long been answered, or is dead."""
_FOR_NOW = frozenset({401, 403, 408, 425, 429})
"""Answers to a claim that say nothing about the work."""


@dataclass(frozen=True, slots=True)
class Awards:
    """Makes contracts."""

    store: Store
    choice: Choice
    works: Peer
    tokens: Tokens
    clock: Clock

    async def award(self, caller: RequestContext, work_id: str, body: AwardBody, key: str | None) -> Stored:
        """Awards the work, once; the same idempotency key gets the same contract again."""
        if not is_id(work_id):
            raise not_found("work not found")
        award_key = derived_id("award_", caller.tenant or "", key) if key else None
        existing = await self.store.get(CONTRACTS, rules.contract_id_of(work_id))
        if existing is not None:
            caller.require_tenant(text(existing.doc, "consumer_id"), "the work")
            return await self._again(existing, body, award_key)
        work = await self.choice.work(work_id)
        caller.require_tenant(text(work, "consumer_id"), "the work")
        return await self.make(work_id, work, body, award_key)

    async def make(self, work_id: str, work: Document, body: AwardBody, award_key: str | None = None) -> Stored:
        """Chooses a bid, reserves, claims."""
        if text(work, "status") not in {"OPEN", "EVALUATING"}:
            raise conflict(f"the work is {text(work, 'status')} and cannot be awarded", "work_not_awardable")
        if body.auto_award and not body.bid_id:
            offer = await self.choice.best(work_id, work)
        else:
            offer = await self.choice.named(work_id, body.bid_id)
        contract_id = rules.contract_id_of(work_id)
        reserved = self._reserved(contract_id, work_id, work, offer, award_key)
        try:
            stored = await self.store.insert(CONTRACTS, contract_id, reserved)
        except AlreadyExists:
            existing = await self.store.get(CONTRACTS, contract_id)
            if existing is None:
                raise self._in_progress() from None
            return await self._again(existing, body, award_key)
        return await self.claim(stored)

    async def claim(self, stored: Stored) -> Stored:
        """Takes the work for a reserved contract: AWARDED, or gone and 409 when the work has been given away."""
        doc = stored.doc
        request: dict[str, JsonValue] = {
            "contract_id": stored.id,
            "provider_id": doc["provider_id"],
            "bid_id": doc["bid_id"],
        }
        if doc["provider_tenant_id"]:
            request["provider_tenant_id"] = doc["provider_tenant_id"]
        where = path("internal", "work", text(doc, "work_id"), "award")
        reply = await self.works.call("POST", where, json=request, repeatable=True, deadline=_CLAIM_SECONDS)
        if reply.ok:
            return await self._confirm(stored)
        if reply.status >= 500 or reply.status in _FOR_NOW:
            raise unavailable("the work cannot be claimed now; try again", code="peer_unavailable")
        if (other := await self._withdraw(stored)) is not None:
            return other
        if reply.status == 404:
            raise not_found("work not found")
        raise conflict("the work cannot be awarded any more", "work_not_awardable")

    async def finish(self, payload: dict[str, JsonValue]) -> None:
        """The effect of a reservation whose request did not finish it."""
        stored = await self.store.get(CONTRACTS, text(payload, "contract_id"))
        if stored is None or text(stored.doc, "status") != Status.RESERVED.value:
            return
        try:
            await self.claim(stored)
        except ApiError as refusal:
            if refusal.status not in {404, 409}:
                raise

    async def _withdraw(self, stored: Stored) -> Stored | None:
        """Makes a reservation vanish that the work has refused; the contract, if it has become one all the same."""
        while not await self.store.delete(CONTRACTS, stored.id, version=stored.version):
            fresh = await self.store.get(CONTRACTS, stored.id)
            if fresh is None:
                return None
            if text(fresh.doc, "status") != Status.RESERVED.value:
                return fresh
            if any(fresh.doc[name] != stored.doc[name] for name in ("bid_id", "reserved_at")):
                raise self._in_progress()  # somebody else's, who will hear the work's answer
            stored = fresh  # the outbox has noted a try: it is still the one that was refused
        return None

    async def _confirm(self, stored: Stored) -> Stored:
        while True:
            now = stamp(self.clock())
            try:
                awarded = await self.store.replace(
                    stored, without_outbox(rules.awarded(stored.doc, now)), collection=CONTRACTS
                )
            except VersionConflict:
                fresh = await self.store.get(CONTRACTS, stored.id)
                if fresh is None:
                    raise conflict("the work cannot be awarded any more", "work_not_awardable") from None
                if text(fresh.doc, "status") != Status.RESERVED.value:
                    return fresh  # the outbox was as fast as we were
                stored = fresh
                continue
            log.info("contract.awarded", contract_id=stored.id, work_id=awarded.doc["work_id"])
            return awarded

    async def _again(self, existing: Stored, body: AwardBody, award_key: str | None) -> Stored:
        """An award of a work that has a contract: a repeat, the continuation of a lost one, or a conflict."""
        doc = existing.doc
        if text(doc, "status") == Status.RESERVED.value:
            abandoned = later(text(doc, "reserved_at"), _ABANDONED_SECONDS) <= stamp(self.clock())
            same = body.auto_award if not body.bid_id else body.bid_id == text(doc, "bid_id")
            if abandoned and same:
                return await self.claim(existing)
            raise self._in_progress()
        if award_key is not None and doc.get("award_key") == award_key:
            return existing
        raise conflict(f"the work is already awarded: contract {existing.id}", "already_awarded")

    @staticmethod
    def _in_progress() -> ApiError:
        return ApiError(409, "award_in_progress", "an award of this work is under way", headers={"Retry-After": "5"})

    def _reserved(
        self, contract_id: str, work_id: str, work: Document, offer: Offer, award_key: str | None
    ) -> Document:
        doc: Document = {
            "status": Status.RESERVED.value,
            "work_id": work_id,
            "consumer_id": text(work, "consumer_id"),
            "category": text(work, "category"),
            "provider_id": offer.provider_id,
            "provider_tenant_id": offer.provider_tenant_id,
            "bid_id": offer.bid_id,
            "price_micro": offer.price_micro,
            "sla": offer.sla,
            "provider_endpoint": offer.endpoint,
            "token_version": self.tokens.version,
            "award_key": award_key,
            "reserved_at": stamp(self.clock()),
        }
        outbox = Outbox(self.store, CONTRACTS, self.clock, {})
        return outbox.attach(doc, Effect(rules.CLAIM, {"contract_id": contract_id}))


__all__ = ["CONTRACTS", "Awards"]
