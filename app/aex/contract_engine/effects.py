"""What a contract does to other services, as handlers of its outbox. Every receiver is idempotent.

Nothing that moves money or reputation is ever given up: an answer that is not an acknowledgement means "later".
"""

from collections.abc import Mapping

from aex.contract_engine import rules
from aex.contract_engine.award import Awards
from aex.core.errors import unavailable
from aex.core.fields import text
from aex.core.outbox import Handler, Undeliverable
from aex.core.peers import Peer, Reply, path
from aex.store import JsonValue

_SECONDS = 2.0
"""How long one effect waits within a request."""


def handlers(awards: Awards, works: Peer, settlement: Peer, trust: Peer) -> Mapping[str, Handler]:
    """The handler of each kind of effect."""

    async def settle(payload: dict[str, JsonValue]) -> None:
        where = "/internal/settlement/complete"
        reply = await settlement.call("POST", where, json=payload, repeatable=True, deadline=_SECONDS)
        if not (reply.ok or reply.code() == "already_settled"):
            raise _later("settlement", reply)

    async def report(payload: dict[str, JsonValue]) -> None:
        reply = await trust.call("POST", "/internal/v1/outcomes", json=payload, repeatable=True, deadline=_SECONDS)
        if reply.status == 409:
            raise Undeliverable("the trust broker has another outcome of this contract")
        if not reply.ok:
            raise _later("the trust broker", reply)

    async def tell_work(payload: dict[str, JsonValue]) -> None:
        where = path("internal", "work", text(payload, "work_id"), "outcome")
        body: JsonValue = {"contract_id": payload["contract_id"], "status": payload["status"]}
        reply = await works.call("POST", where, json=body, repeatable=True, deadline=_SECONDS)
        if reply.status in {404, 409}:
            raise Undeliverable(f"the work does not take it ({reply.status} {reply.code()})")
        if not reply.ok:
            raise _later("the work publisher", reply)

    return {rules.CLAIM: awards.finish, rules.SETTLE: settle, rules.TRUST: report, rules.WORK: tell_work}


def _later(who: str, reply: Reply) -> Exception:
    return unavailable(f"{who} answered {reply.status} {reply.code()}", code="peer_unavailable")


__all__ = ["handlers"]
