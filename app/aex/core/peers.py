"""Other services as their callers see them: what can be asked and what comes back. How it travels is `http.py`.

A peer that does not answer is a 503 `peer_unavailable` for whoever waits, never a hang and never a 500.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import orjson

from aex.core.errors import unavailable
from aex.store.port import JsonValue

DEADLINE_SECONDS = 5.0
"""Whole call, retries included (contract 2.4 and 5.2 wait 5 s for identity and the registry)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer answered."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> JsonValue:
        """The body, decoded; an unreadable one is a `peer_unavailable`."""
        try:
            value: JsonValue = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise unavailable("a peer answered something that is not JSON", code="peer_unavailable") from error
        return value

    def object(self) -> dict[str, JsonValue]:
        """The body as a JSON object; anything else is a `peer_unavailable`."""
        value = self.json()
        if not isinstance(value, dict):
            raise unavailable("a peer answered something that is not an object", code="peer_unavailable")
        return value

    def code(self) -> str:
        """The error code of the one JSON shape, empty when there is none."""
        try:
            value = orjson.loads(self.body)
            return str(value["error"]["code"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return ""


class Peer(Protocol):
    """Another service, as its callers see it."""

    name: str

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> Reply:
        """One call, any status returned; `ApiError` 503 when the peer cannot be reached within `deadline` seconds.

        `repeatable`: whether sending it twice is harmless (default: GET only).
        """
        ...


def path(*segments: str) -> str:
    """A URL path of `segments`, each percent-encoded: an id never becomes a path."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


__all__ = ["DEADLINE_SECONDS", "Peer", "Reply", "path"]
