"""Sending one webhook: a signed POST to an address that a subscriber chose, which we therefore do not trust.

Public addresses only (checked as text and again when the name resolves), no redirects, five seconds, and the answer's
body is never read. A developer's environment may also send to its own machine.
"""

import asyncio
import hashlib
import hmac
import time
from collections import OrderedDict
from enum import Enum, auto
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aex.core.http import Circuit
from aex.core.logging import get_logger
from aex.core.urls import check_url

if TYPE_CHECKING:
    from aex.core.outside import Outside

log = get_logger(__name__)

TIMEOUT_SECONDS = 5.0
AT_ONCE = 200
"""Webhooks under way at the same time, over all works."""
HOSTS_KEPT = 1000
"""Hosts whose failures are remembered, those that were used last: bounds memory, whatever addresses are registered."""
SIGNATURE_HEADER = "X-AEX-Signature"
_RETRIED = frozenset({408, 425, 429})


class Outcome(Enum):
    """What became of one attempt."""

    DELIVERED = auto()
    REFUSED = auto()
    """Trying again would change nothing."""
    LATER = auto()
    """May succeed another time."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`: the receiver can tell who sent it, and how old it is."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Webhooks:
    """The sender. `relaxed` accepts plain http and private addresses."""

    def __init__(self, *, relaxed: bool) -> None:
        self._relaxed = relaxed
        self._outside: Outside | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._circuits: OrderedDict[str, Circuit] = OrderedDict()

    async def send(self, url: str, secret: str, *, event: str, event_id: str, body: bytes) -> Outcome:
        """One attempt. Never raises for what the receiver does."""
        try:
            check_url(url, relaxed=self._relaxed)
        except ValueError as error:
            log.warning("webhook refused", host=_host(url), reason=str(error))
            return Outcome.REFUSED
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "agent-exchange-webhooks/1",
            "X-AEX-Event": event,
            "X-AEX-Event-ID": event_id,
        }
        if secret:
            headers[SIGNATURE_HEADER] = sign(secret, int(time.time()), body)
        circuit = self._circuit(url)
        async with self._slots:
            # Asked with the slot in hand: those that waited for one while the host failed give it back at once.
            if not circuit.admits():
                log.info("webhook not delivered", host=_host(url), reason="the host has been failing")
                return Outcome.LATER
            return await self._post(url, headers, body, circuit)

    async def close(self) -> None:
        """Closes the connections."""
        if self._outside is not None:
            await self._outside.close()

    async def _post(self, url: str, headers: dict[str, str], body: bytes, circuit: Circuit) -> Outcome:
        from aex.core.outside import Outside, Unreached

        if self._outside is None:
            self._outside = Outside(public_only=not self._relaxed)
        try:
            status = await self._outside.post(url, body, headers, seconds=TIMEOUT_SECONDS)
        except Unreached as error:
            circuit.record(success=False)
            log.info("webhook not delivered", host=_host(url), reason=str(error))
            return Outcome.LATER
        circuit.record(success=True)  # it answers, and quickly: what it says is about one webhook, not about the host
        if 200 <= status < 300:
            return Outcome.DELIVERED
        log.info("webhook not accepted", host=_host(url), status=status)
        return Outcome.LATER if status in _RETRIED or status >= 500 else Outcome.REFUSED

    def _circuit(self, url: str) -> Circuit:
        """The circuit of the URL's host and port: one that does not answer must not hold the slots of all others."""
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.hostname}:{parts.port or ''}"
        circuit = self._circuits.setdefault(host, Circuit())
        self._circuits.move_to_end(host)
        if len(self._circuits) > HOSTS_KEPT:
            self._circuits.popitem(last=False)
        return circuit


def _host(url: str) -> str:
    """The host, for logs: the rest of a webhook's URL may be its secret."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


__all__ = ["HOSTS_KEPT", "SIGNATURE_HEADER", "TIMEOUT_SECONDS", "Outcome", "Webhooks", "sign"]
