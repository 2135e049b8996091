"""The effect of a bid: its work counts it. The receiver counts a bid once, however often it is told.

One call to the work-publisher at a time: bids that come in meanwhile go together in the next one, so that a rush of
bids costs few calls.
"""

import asyncio
from contextvars import Context
from typing import NamedTuple

from aex.core.errors import ApiError, unavailable
from aex.core.fields import objects, text
from aex.core.outbox import Undeliverable
from aex.core.peers import Peer, path
from aex.store.port import JsonValue

AT_ONCE = 200
"""Bids in one call."""
MANY = "/internal/v1/work/bids"
_NEVER = frozenset({404, 409})
"""Answers that mean that the work will never count the bid."""


class _Told(NamedTuple):
    work_id: str
    bid_id: str
    counted: asyncio.Future[None]


class Counting:
    """Tells the work-publisher."""

    def __init__(self, publisher: Peer) -> None:
        self._publisher = publisher
        self._waiting: list[_Told] = []
        self._task: asyncio.Task[None] | None = None

    async def handle(self, payload: dict[str, JsonValue]) -> None:
        """Returns when the bid of this effect is counted."""
        told = _Told(text(payload, "work_id"), text(payload, "bid_id"), asyncio.get_running_loop().create_future())
        self._waiting.append(told)
        if self._task is None or self._task.done():
            # In a context of its own: the call is for many requests, and carries the id of none.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        await told.counted

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            batch = [told for told in taken if not told.counted.done()]  # who gave up is told again by a sweep
            try:
                outcomes = await self._tell(batch)
            except ApiError as error:
                outcomes = {told.bid_id: error for told in batch}
            for told in batch:
                _settle(told.counted, outcomes.get(told.bid_id))

    async def _tell(self, batch: list[_Told]) -> dict[str, Exception]:
        """What keeps bids from being counted, by bid."""
        match batch:
            case []:
                return {}
            case [one]:
                where = path("internal", "work", one.work_id, "bids")
                reply = await self._publisher.call("POST", where, json={"bid_id": one.bid_id}, repeatable=True)
                problem = _problem(reply.status, reply.code(), one.bid_id) if not reply.ok else None
                return {one.bid_id: problem} if problem else {}
            case _:
                entries: list[JsonValue] = [{"work_id": told.work_id, "bid_id": told.bid_id} for told in batch]
                reply = await self._publisher.call("POST", MANY, json={"bids": entries}, repeatable=True)
                if not reply.ok:
                    raise _later(reply.status)
                return {
                    text(entry, "bid_id"): _problem(_status(entry), text(entry, "code"), text(entry, "bid_id"))
                    for entry in objects(reply.object(), "refused")
                }


def _status(entry: dict[str, JsonValue]) -> int:
    status = entry.get("status")
    return status if isinstance(status, int) else 0


def _problem(status: int, code: str, bid_id: str) -> Exception:
    if status in _NEVER:
        return Undeliverable(f"the work-publisher answered {status} {code} for {bid_id}")
    return _later(status)


def _later(status: int) -> ApiError:
    return unavailable(f"the work-publisher answered {status}", code="peer_unavailable")


def _settle(counted: asyncio.Future[None], problem: Exception | None) -> None:
    if counted.done():
        return
    if problem is None:
        counted.set_result(None)
    else:
        counted.set_exception(problem)
        counted.exception()  # seen, also where nobody waits any more


__all__ = ["AT_ONCE", "MANY", "Counting"]
