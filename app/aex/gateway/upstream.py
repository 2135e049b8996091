"""One backend as the gateway sees it: where it is, whether it answers, and how much of the gateway it may occupy."""

from aex.core.connections import Origin
from aex.core.errors import unavailable
from aex.core.http import Circuit
from aex.core.metrics import Metrics
from aex.core.service_auth import Proof


class Upstream:
    """A backend at a URL.

    At most `limit` requests wait for it at once: a backend that hangs must not take the gateway away from the others.
    """

    def __init__(self, name: str, url: str, *, proof: Proof, metrics: Metrics, limit: int) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.origin = Origin(self.url)
        self.circuit = Circuit()
        self._proof = proof
        self._metrics = metrics
        self._limit = limit
        self._waiting = 0

    def enter(self) -> None:
        """Takes a place; 503 when the backend has been failing or all places are taken. Pair with `leave`."""
        if self._waiting >= self._limit:
            self._metrics.called(self.name, "shed")
            raise unavailable(f"too many requests wait for {self.name}; try again")
        if not self.circuit.admits():
            self._metrics.called(self.name, "open")
            raise unavailable(f"{self.name} has been failing; try again in a moment")
        self._waiting += 1

    def leave(self) -> None:
        """Gives the place back."""
        self._waiting -= 1

    def answered(self, status: int) -> None:
        """The backend answered, whatever it said."""
        self.circuit.record(success=True)
        self._metrics.called(self.name, f"{status // 100}xx")

    def failed(self) -> None:
        """The backend could not be reached, or did not answer in time."""
        self.circuit.record(success=False)
        self._metrics.called(self.name, "error")

    async def proof(self) -> list[tuple[bytes, bytes]]:
        """How we prove to it who we are, as headers."""
        headers = await self._proof.headers(self.name, self.url)
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


__all__ = ["Upstream"]
