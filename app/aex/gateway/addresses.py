"""Which client address a request comes from, where proxies of ours stand in front."""

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope


def client_address(scope: "Scope", headers: dict[bytes, bytes], trusted_hops: int) -> str:
    """The address of the client, as text.

    Each of our proxies appends the address it saw to `X-Forwarded-For`; with `trusted_hops` of them, the entry that
    many from the right is the last that a client cannot have made up. 0: whoever is connected.
    """
    client = scope.get("client")
    peer: str = client[0] if client else "unknown"
    if trusted_hops == 0:
        return peer
    entries = [entry.strip() for entry in headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")]
    if len(entries) < trusted_hops:
        return peer
    entry = entries[-trusted_hops]
    try:
        return str(ipaddress.ip_address(entry))
    except ValueError:
        return peer


def limited_as(address: str) -> str:
    """The name under which an address is limited: an IPv6 client has a whole /64."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address, 64), strict=False))
    except ValueError:
        return address


__all__ = ["client_address", "limited_as"]
