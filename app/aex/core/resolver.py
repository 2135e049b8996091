"""Name resolution for outgoing calls to client-given hosts: only public addresses are ever connected to."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from aex.core.urls import is_public_address


class PublicResolver(AbstractResolver):
    """A resolver for outgoing calls to client-given hosts that refuses every address that is not public."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The public addresses of `host`; `OSError` when it has none or any other one."""
        results = await self._resolver.resolve(host, port, family)
        if not results or not all(is_public_address(result["host"]) for result in results):
            raise OSError(f"{host} does not resolve to public addresses only")
        return results

    async def close(self) -> None:
        """Nothing is held."""
        await self._resolver.close()


__all__ = ["PublicResolver"]
