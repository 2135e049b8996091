"""The trust broker's routes. Reading never writes; only the services that know may report."""

from fastapi import APIRouter, Response

from aex.core.clock import wire_time
from aex.core.context import Caller
from aex.core.errors import bad_request
from aex.core.fields import text
from aex.core.ids import is_id
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.wire import Json, present
from aex.store.port import Document
from aex.trust_broker.broker import Broker, Known
from aex.trust_broker.models import BatchQuestion, OutcomeReport, Verification
from aex.trust_broker.record import COUNTERS, base_of

REPORTER = "aex-contract-engine"
"""Who knows how a contract ended."""
VERIFIER = "aex-provider-registry"
"""Who may vouch for a provider."""


def routes(broker: Broker) -> APIRouter:
    """All of them."""
    router = APIRouter()

    @router.get("/v1/providers/{provider_id}/trust", tags=["trust"])
    async def get_trust(provider_id: str) -> Response:
        """A provider's trust; a provider without history has a newcomer's."""
        return Json(_answer(await broker.of(_checked(provider_id))))

    @router.get("/v1/providers/{provider_id}/trust/history", tags=["trust"])
    async def get_history(provider_id: str, limit: Limit = None, cursor: Cursor = None) -> Response:
        """How a provider's contracts ended, newest first, without saying whose they were."""
        page = await broker.history(_checked(provider_id), limit_from(limit), cursor or None)
        rows = [_past(stored.doc) for stored in page.items]
        return Json(
            {
                "provider_id": provider_id,
                "outcomes": rows,
                "total": len(rows),
                **present({"next_cursor": page.cursor}),
            }
        )

    @router.post("/internal/v1/trust/batch", tags=["internal"])
    async def get_batch(body: BatchQuestion) -> Response:
        """Score and tier of many providers."""
        standings = await broker.batch(body.provider_ids)
        return Json(
            {
                "scores": {id: standing.score for id, standing in standings.items()},
                "tiers": {id: standing.tier for id, standing in standings.items()},
            }
        )

    @router.post("/internal/v1/outcomes", tags=["internal"])
    async def record_outcome(body: OutcomeReport, caller: Caller) -> Response:
        """Records how a contract ended, once."""
        caller.require_service(REPORTER)
        effect = await broker.record(body)
        return Json({"recorded": True, "provider_id": body.provider_id.strip(), **effect._asdict()})

    @router.post("/internal/v1/providers/{provider_id}/verify", tags=["internal"])
    async def verify(provider_id: str, body: Verification, caller: Caller) -> Response:
        """Sets or clears what has been verified about a provider."""
        caller.require_service(VERIFIER)
        return Json(_answer(await broker.verify(_checked(provider_id), body)))

    return router


def _checked(provider_id: str) -> str:
    if not is_id(provider_id):
        raise bad_request("provider_id holds letters, digits and _ . : @ - only, at most 128")
    return provider_id


def _answer(known: Known) -> dict[str, object]:
    record, (score, tier) = known
    last = text(record, "last_contract_at")
    return {
        "provider_id": record["provider_id"],
        "trust_score": score,
        "trust_tier": tier,
        # The names under which clients of the contract look for them (1.7).
        "score": score,
        "tier": tier,
        "base_score": base_of(record),
        **{name: record[name] for name in ("identity_verified", "endpoint_verified", "compliance_verified")},
        **{name: record[name] for name in COUNTERS},
        "registered_at": wire_time(text(record, "registered_at")),
        **({"last_contract_at": wire_time(last)} if last else {}),
        "last_updated": wire_time(text(record, "last_updated")),
    }


def _past(doc: Document) -> dict[str, object]:
    return {
        "outcome": doc["outcome"],
        "completed_at": wire_time(text(doc, "completed_at")),
        "recorded_at": wire_time(text(doc, "recorded_at")),
    }


__all__ = ["REPORTER", "VERIFIER", "routes"]
