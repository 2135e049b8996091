"""URLs that a client gives us to call: which are acceptable, and which addresses must never be connected to.

Checked twice: the text when it is registered, here, and the resolved address at connect time (`resolver.py`), because a
name can point at a private address later (SSRF by DNS rebinding).
"""

import ipaddress
from urllib.parse import urlsplit

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public_address(text: str) -> bool:
    """Whether an IP address is one on the public internet (no loopback, link-local, private, multicast, reserved)."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        # Forms that carry an IPv4 address, to which a translator on the way would connect.
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        address = inner or address
    return address.is_global and not address.is_multicast


def check_url(url: str, *, relaxed: bool) -> str:
    """`url` as given, when it may be registered.

    Raises `ValueError` with the contract's words (4.2) otherwise. `relaxed` (a developer's environment) accepts plain
    http and private hosts.
    """
    if not url.strip():
        raise ValueError("empty")
    if len(url) > 2048:
        raise ValueError("longer than 2048 characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("not a URL") from error
    if relaxed and parts.scheme not in {"http", "https"}:
        raise ValueError("scheme must be http or https")
    if not relaxed and parts.scheme != "https":
        raise ValueError("scheme must be https")
    if not host or any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("missing host")
    if parts.username or parts.password:
        raise ValueError("must not carry a user name or password")
    if not host.isascii():
        # HTTP clients map such hosts before they connect: an ideographic full stop becomes a dot.
        raise ValueError("host must be written in ASCII: use the xn-- form of an international name")
    if not relaxed:
        _check_host(host)
    return url


def _check_host(host: str) -> None:
    try:
        public = is_public_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        # Names without a dot and these suffixes never resolve on the public internet. An all-numeric last label is an
        # address in a spelling that `ipaddress` does not read but some resolvers do (`0x7f.1`, `2130706433`).
        last = name.rsplit(".", 1)[-1]
        numeric = last.isdigit() or last.startswith("0x")
        public = "." in name and not numeric and not name.endswith((".local", ".internal", ".localhost", ".arpa"))
    if not public:
        raise ValueError("host must be public, not a loopback, private or link-local one")


__all__ = ["check_url", "is_public_address"]
