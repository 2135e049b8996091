"""Current trust of providers, from the trust broker: one call for many, kept for seconds, last known when it is away.

The registry never keeps a score of its own, so that nobody can assign one to himself.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from aex.core.clock import Clock
from aex.core.errors import ApiError
from aex.core.fields import nested
from aex.core.logging import get_logger
from aex.core.peers import Peer

log = get_logger(__name__)

FRESH = timedelta(seconds=5)
_AFTER_FAILURE = timedelta(seconds=1)
_DEADLINE_SECONDS = 1.0
_BATCH = 1000
"""Most ids that the trust broker takes at once."""
_KEPT = 20_000


class Trust(NamedTuple):
    """What the trust broker says of a provider."""

    score: float
    tier: str


UNKNOWN = Trust(0.3, "UNVERIFIED")
"""Trust of a provider without history (contract 8.3)."""


class Scores:
    """The cache in front of the trust broker."""

    def __init__(self, broker: Peer, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._known: OrderedDict[str, tuple[datetime, Trust]] = OrderedDict()
        self._quiet_until: datetime | None = None

    async def of(self, ids: Iterable[str]) -> dict[str, Trust]:
        """The trust of each of `ids`; never raises because the broker is away."""
        wanted = list(dict.fromkeys(ids))
        now = self._clock()
        stale = [id for id in wanted if id not in self._known or now - self._known[id][0] > FRESH]
        if stale and not (self._quiet_until and now < self._quiet_until):
            for start in range(0, len(stale), _BATCH):
                await self._refresh(stale[start : start + _BATCH])
        answer = {id: self._known[id][1] if id in self._known else UNKNOWN for id in wanted}
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return answer

    async def _refresh(self, ids: list[str]) -> None:
        try:
            reply = await self._broker.call(
                "POST",
                "/internal/v1/trust/batch",
                json={"provider_ids": list(ids)},
                repeatable=True,
                deadline=_DEADLINE_SECONDS,
            )
            body = reply.object() if reply.ok else None
        except ApiError as error:
            log.warning("trust unknown, last known is used", reason=error.message)
            body = None
        now = self._clock()
        if body is None:
            self._quiet_until = now + _AFTER_FAILURE
            return
        scores, tiers = nested(body, "scores"), nested(body, "tiers")
        for id in ids:
            score, tier = scores.get(id), tiers.get(id)
            if isinstance(score, int | float) and isinstance(tier, str):
                self._known[id] = (now, Trust(score, tier))
                self._known.move_to_end(id)


__all__ = ["FRESH", "UNKNOWN", "Scores", "Trust"]
