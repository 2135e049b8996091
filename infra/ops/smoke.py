"""A real trade through the gateway, and the tidying after it: whether an exchange does what it is there for.

What the trade has made is taken out of the market again: the work is cancelled if it is still open, subscriptions end,
providers become inactive, both tenants are suspended, so that their keys open nothing. Records stay: the ledger, the
contract and its outcome are what the exchange never forgets.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from infra.ops.client import Client, ExchangeError, Json
from infra.ops.stack import Exchange
from infra.ops.trade import Trade


@dataclass(slots=True)
class Smoke:
    """What came of a trade. Times are seconds."""

    steps: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    """Each step, and how long it took."""
    failure: str = ""
    tidied: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])
    """What could not be tidied, and why."""

    @property
    def passed(self) -> bool:
        """Whether the trade went through to its end and everything was tidied."""
        return not self.failure and not self.left

    @property
    def seconds(self) -> float:
        """How long the trade took."""
        return sum(seconds for _, seconds in self.steps)


def smoke(place: Exchange, headers: Mapping[str, str], say: Callable[[str], None]) -> Smoke:
    """One trade on `place`, step by step to `say`, and the tidying; what fails is in the result."""
    outcome = Smoke()
    with Client(place.gateway_url, key=place.api_key, more=headers) as operator:
        trade = Trade(operator, mark=f"smoke {secrets.token_hex(3)}")
        try:
            before = time.perf_counter()
            for step, _ in trade.steps():
                now = time.perf_counter()
                outcome.steps.append((step, now - before))
                before = now
                say(step)
        except ExchangeError as error:
            outcome.failure = f"after {len(outcome.steps)} steps: {error}"
        finally:
            _tidy(trade, operator, outcome)
            trade.close()
    return outcome


def _tidy(trade: Trade, operator: Client, outcome: Smoke) -> None:
    def attempt(what: str, action: Callable[[], Json]) -> None:
        try:
            action()
            outcome.tidied.append(what)
        except ExchangeError as error:
            outcome.left.append(f"{what}: {error}")

    if trade.work and not trade.award:
        path = f"/v1/work/{trade.work['work_id']}/cancel"
        attempt("work cancelled", lambda: trade.consumer.client.post(path))
    for name, provider in trade.providers.items():
        identifier = str(provider["provider_id"])
        for subscription in _subscriptions(trade, identifier, outcome):
            attempt(
                f"subscription of {name} ended",
                lambda each=subscription: trade.seller.client.delete(f"/v1/subscriptions/{each}"),
            )
        attempt(f"{name} inactive", lambda each=identifier: trade.seller.client.delete(f"/v1/providers/{each}"))
    for party in ("consumer", "seller"):
        if hasattr(trade, party):
            tenant = str(getattr(trade, party).tenant_id)
            attempt(
                f"{party} suspended",
                lambda each=tenant: operator.post(f"/v1/tenants/{each}/suspend", {"reason": "end of a smoke test"}),
            )


def _subscriptions(trade: Trade, provider: str, outcome: Smoke) -> list[str]:
    try:
        found = trade.seller.client.get("/v1/subscriptions", provider_id=provider)
    except ExchangeError as error:
        outcome.left.append(f"subscriptions of {provider}: {error}")
        return []
    rows = cast("list[Json]", found.get("subscriptions") or [])
    return [str(row["subscription_id"]) for row in rows if row.get("status") == "ACTIVE"]


__all__ = ["Smoke", "smoke"]
