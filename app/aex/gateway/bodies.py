"""Reading request bodies: whole, bounded each (the edge does that) and together, and not for ever."""

import asyncio
from typing import TYPE_CHECKING

from aex.core.errors import ApiError, unavailable
from aex.gateway.proxy import ClientGone

if TYPE_CHECKING:
    from starlette.types import Receive

BUDGET_BYTES = 128 * 1024 * 1024
"""Bodies held at once, of all requests together: an eighth of the gateway's memory on Google Cloud."""


class Bodies:
    """The bodies that are held in memory right now."""

    def __init__(self, *, seconds: float, budget: int = BUDGET_BYTES) -> None:
        self._seconds = seconds
        self._budget = budget
        self.held = 0

    async def read(self, headers: dict[bytes, bytes], receive: "Receive", limit: int | None) -> bytes | None:
        """The body, None when there is none; give it back with `release`.

        413 above `limit` bytes, 408 when it takes longer than `seconds`, 503 when too much is held already.
        """
        announced = headers.get(b"content-length")
        if (announced is None or announced == b"0") and b"transfer-encoding" not in headers:
            return None
        if limit is not None and announced is not None and announced.isdigit() and int(announced) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._collect(receive, limit)
        except TimeoutError as error:
            raise ApiError(408, "request_timeout", "the body took too long to arrive") from error

    def release(self, body: bytes | None) -> None:
        """The body is no longer needed."""
        self.held -= len(body or b"")

    async def _collect(self, receive: "Receive", limit: int | None) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                part: bytes = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self.held += len(part)
                if limit is not None and size > limit:
                    raise _too_large(limit)
                if self.held > self._budget:
                    raise unavailable("too many large requests at once; try again")
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
        except BaseException:
            self.held -= size
            raise


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "payload_too_large", f"the tenant's max_task_payload_bytes is {limit} bytes")


__all__ = ["Bodies"]
