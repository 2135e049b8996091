"""Which headers cross the gateway, in both directions.

What only the gateway may say (tenant, scopes, our own identity, the client's address) is removed from what clients
send, and added after the client's `Connection` header has had its effect: a client can neither forge nor drop it.
"""

from collections.abc import Iterable, Sequence

Pairs = Iterable[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOT_FROM_CLIENTS = _HOP_BY_HOP | {
    b"host",  # the backend's own: Cloud Run routes by it
    b"content-length",
    b"expect",  # answered here: bodies are read before they are sent on
    b"authorization",
    b"x-api-key",
    b"x-request-id",
    b"traceparent",
    b"x-tenant-id",
    b"x-consumer-id",
    b"x-serverless-authorization",
    b"x-real-ip",
    b"forwarded",
}
_NOT_FROM_BACKENDS = _HOP_BY_HOP | {
    b"date",  # the server adds its own
    b"server",
    b"x-request-id",
    b"access-control-allow-origin",
    b"access-control-allow-methods",
    b"access-control-allow-headers",
    b"access-control-max-age",
    b"x-ratelimit-limit",
    b"x-ratelimit-remaining",
    b"x-ratelimit-reset",
}
_FORBIDDEN_STARTS = (b"x-aex-", b"x-forwarded-")


def forwarded(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What of a client's `headers` (names in lower case) a backend gets to see."""
    named = _named_by_connection(headers)
    return [
        pair
        for pair in headers
        # A name with an underscore reads like one with a hyphen to some servers, so it could smuggle one of ours.
        if not (
            (name := pair[0]) in _NOT_FROM_CLIENTS
            or name.startswith(_FORBIDDEN_STARTS)
            or b"_" in name
            or name in named
        )
    ]


def returned(headers: Pairs) -> list[tuple[bytes, bytes]]:
    """What of a backend's `headers` the client gets to see, names in lower case."""
    pairs = [(name.lower(), value) for name, value in headers]
    named = _named_by_connection(pairs)
    return [pair for pair in pairs if pair[0] not in _NOT_FROM_BACKENDS and pair[0] not in named]


def _named_by_connection(headers: Pairs) -> frozenset[bytes]:
    for name, value in headers:
        if name == b"connection" and value.lower() not in {b"keep-alive", b"close"}:
            return frozenset(part.strip().lower() for part in value.split(b","))
    return frozenset()


__all__ = ["forwarded", "returned"]
