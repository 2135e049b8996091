"""Calls to addresses that clients chose, on aiohttp: its resolver can refuse every address that is not public.

Imported when the first such call is made, because the client costs start-up time and memory.
"""

from collections.abc import Mapping

import aiohttp

from aex.core.resolver import PublicResolver


class Unreached(Exception):
    """Nobody answered; the message says why in one word."""


class Outside:
    """One HTTP client. `public_only` refuses every host that does not resolve to public addresses alone."""

    def __init__(self, *, public_only: bool) -> None:
        resolver = PublicResolver() if public_only else None
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=256, keepalive_timeout=20, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> int:
        """The status that is answered within `seconds`; redirects are not followed. Raises `Unreached`."""
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._client.post(
                url, data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as answer:
                answer.close()  # the body is of no interest and may be endless
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreached(type(error).__name__) from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


__all__ = ["Outside", "Unreached"]
