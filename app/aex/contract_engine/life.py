"""The life of a contract after its award: reports, its end, its expiry, and who may see it."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aex.contract_engine import rules
from aex.contract_engine.award import CONTRACTS
from aex.contract_engine.models import CompleteBody, FailBody, ProgressBody, outcome_document, update_document
from aex.contract_engine.rules import Status, Verdict
from aex.contract_engine.tokens import Party, Tokens, bearer
from aex.core.clock import Clock, stamp
from aex.core.context import RequestContext
from aex.core.errors import ApiError, conflict, not_found, unauthorized, unavailable
from aex.core.fields import text
from aex.core.ids import is_id
from aex.core.logging import get_logger
from aex.core.outbox import Effect, Outbox
from aex.store import Document, Store, Stored, VersionConflict

log = get_logger(__name__)

_ATTEMPTS = 200
"""Tries of one change: each lost one means that another report of the same contract was written."""
_LONGEST_PAUSE = 0.02
_DELIVERY_SECONDS = 2.0
_EXPIRED_IN_A_ROUND = 100
_AT_ONCE = 8
_PROGRESS_ATTEMPTS = 10
"""That work has begun is news, not money: it may be lost when the work publisher is away for minutes."""

Decision = tuple[Document, Sequence[Effect]]


@dataclass(frozen=True, slots=True)
class Life:
    """Follows contracts."""

    store: Store
    outbox: Outbox
    tokens: Tokens
    clock: Clock

    async def progress(self, caller: RequestContext, contract_id: str, body: ProgressBody) -> None:
        """Keeps a report of the provider; the first one starts the contract."""

        def decide(doc: Document, _party: Party, now: str) -> Decision:
            begins = text(doc, "status") == Status.AWARDED.value
            news = rules.work_effect(contract_id, doc, Status.EXECUTING.value)
            effects = [Effect(news.kind, news.payload, attempts=_PROGRESS_ATTEMPTS)] if begins else []
            return rules.progressed(doc, update_document(body), now), effects

        await self._change(caller, contract_id, {Party.PROVIDER}, decide)

    async def complete(self, caller: RequestContext, contract_id: str, body: CompleteBody) -> Stored:
        """The provider delivers; billed when it succeeded."""

        def decide(doc: Document, _party: Party, now: str) -> Decision:
            verdict = Verdict.SUCCESS if body.success else Verdict.FAILURE_PROVIDER
            ended = rules.completed(doc, success=body.success, outcome=outcome_document(body), now=now)
            return ended, rules.ending_effects(contract_id, doc, verdict, now)

        return await self._change(caller, contract_id, {Party.PROVIDER}, decide)

    async def fail(self, caller: RequestContext, contract_id: str, body: FailBody) -> Stored:
        """One of the parties gives up; never billed. Whose failure it is follows from whose token it was."""

        def decide(doc: Document, party: Party, now: str) -> Decision:
            verdict = Verdict.FAILURE_PROVIDER if party is Party.PROVIDER else Verdict.FAILURE_CONSUMER
            ended = rules.failed(doc, reason=body.reason, message=body.message, reported_by=party.value, now=now)
            return ended, rules.ending_effects(contract_id, doc, verdict, now)

        return await self._change(caller, contract_id, set(Party), decide)

    async def view(self, caller: RequestContext, contract_id: str) -> tuple[Stored, dict[Party, str]]:
        """A contract and the tokens that this caller may see.

        A client that is neither a party's tenant nor shows a token of the contract does not learn that it exists.
        """
        stored = await self._shown(contract_id)
        doc = stored.doc
        proven = self.tokens.party_of(caller.authorization, stored.id, text(doc, "token_version"))
        parties = {proven} if proven else set[Party]()
        if caller.tenant is not None:
            tenants = {Party.CONSUMER: text(doc, "consumer_id"), Party.PROVIDER: text(doc, "provider_tenant_id")}
            parties |= {party for party, tenant in tenants.items() if tenant == caller.tenant}
        open_to_caller = "operator" in caller.scopes or (caller.is_direct and not bearer(caller.authorization))
        if not parties and not open_to_caller:
            raise not_found("not found")
        return stored, {party: self.token(stored, party) for party in parties}

    def token(self, stored: Stored, party: Party) -> str:
        """The token of one party."""
        return self.tokens.token(party, stored.id, text(stored.doc, "token_version"))

    async def expire(self) -> int:
        """Writes down what the clock has decided; returns how many contracts expired."""
        count = 0
        now = stamp(self.clock())
        for status in sorted(rules.RUNNING):
            page = await self.store.query(
                CONTRACTS, {"status": status.value}, order="expires_at", limit=_EXPIRED_IN_A_ROUND, high=now
            )
            for start in range(0, len(page.items), _AT_ONCE):
                count += sum(await asyncio.gather(*map(self._expire, page.items[start : start + _AT_ONCE])))
        return count

    async def _expire(self, stored: Stored) -> bool:
        effects = rules.ending_effects(stored.id, stored.doc, Verdict.EXPIRED, text(stored.doc, "expires_at"))
        try:
            ended = await self.store.replace(
                stored, self.outbox.attach(rules.expired(stored.doc), *effects), collection=CONTRACTS
            )
        except VersionConflict:
            return False  # somebody wrote first: if it is still running, the next round finds it
        await self._deliver(ended)
        return True

    async def _deliver(self, stored: Stored) -> Stored:
        log.info("contract.changed", contract_id=stored.id, status=stored.doc["status"])
        return await self.outbox.deliver(stored, deadline=_DELIVERY_SECONDS)

    async def _change(
        self,
        caller: RequestContext,
        contract_id: str,
        allowed: set[Party],
        decide: Callable[[Document, Party, str], Decision],
    ) -> Stored:
        """Reads, checks, decides and writes, again as long as others write first."""
        for attempt in range(_ATTEMPTS):
            stored = await self._shown(contract_id)
            doc = stored.doc
            party = self.tokens.party_of(caller.authorization, stored.id, text(doc, "token_version"))
            if party is None or party not in allowed:
                raise unauthorized("unauthorized: this takes the token of the contract's provider or consumer")
            now = stamp(self.clock())
            status = rules.status_at(doc, now)
            if status not in rules.RUNNING:
                raise _ended(status)
            changed, effects = decide(doc, party, now)
            if effects:
                changed = self.outbox.attach(changed, *effects)
            try:
                written = await self.store.replace(stored, changed, collection=CONTRACTS)
            except VersionConflict:
                pause = min(_LONGEST_PAUSE, 0.001 * 2 ** min(attempt, 10))
                await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - jitter
                continue
            return await self._deliver(written) if effects else written
        raise unavailable("too many reports of this contract at once; try again")

    async def _shown(self, contract_id: str) -> Stored:
        stored = await self.store.get(CONTRACTS, contract_id) if is_id(contract_id) else None
        if stored is None or text(stored.doc, "status") == Status.RESERVED.value:
            raise not_found("not found")
        return stored


def _ended(status: Status) -> ApiError:
    code = "contract_expired" if status is Status.EXPIRED else "contract_ended"
    return conflict(f"the contract is {status.value}: it takes no more reports", code)


__all__ = ["Life"]
