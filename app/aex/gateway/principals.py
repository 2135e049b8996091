"""Who a credential stands for, what that one may do, and how much of it is left."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aex.core import fields
from aex.core.errors import unavailable
from aex.core.scopes import covers
from aex.gateway.counters import Counters
from aex.gateway.limits import DAY, Bucket, Buckets, Daily, Headers, share, too_many
from aex.store import JsonValue

_MAX_TENANTS = 50_000


@dataclass(slots=True)
class Principal:
    """One credential's tenant, rights and limits, as identity last confirmed them."""

    tenant_id: str
    key_id: str
    scopes: frozenset[str]
    max_payload_bytes: int
    headers: tuple[tuple[bytes, bytes], ...]
    """What backends are told, ready to send."""
    by_credential: Bucket
    by_tenant: Bucket
    daily: Daily
    _covered: dict[str, bool] = field(default_factory=dict[str, bool])

    def may(self, scope: str) -> bool:
        """Whether the scopes cover `scope`. There are few scopes, so the answers are kept."""
        known = self._covered.get(scope)
        if known is None:
            known = self._covered[scope] = not scope or covers(self.scopes, scope)
        return known

    def spend(self, now: float, counters: Counters) -> Headers:
        """Counts one request; returns the headers that say what is left. 429 when a limit is reached."""
        tighter = self.by_credential
        if not self.by_credential.take(now):
            counters.limited_credential.inc()
            raise too_many(self.by_credential.wait())
        if not self.by_tenant.take(now):
            counters.limited_tenant.inc()
            raise too_many(self.by_tenant.wait())
        if not self.daily.take(now):
            counters.limited_day.inc()
            raise too_many(DAY - int(now) % DAY, "The tenant's daily quota is used up.")
        if self.by_tenant.tokens < tighter.tokens:
            tighter = self.by_tenant
        return tighter.headers()

    def limit_headers(self) -> Headers:
        """What is left, without counting."""
        return min(self.by_credential, self.by_tenant, key=lambda bucket: bucket.tokens).headers()


class Principals:
    """Makes principals from identity's answers; limits outlive the moments for which an answer is remembered."""

    def __init__(self, *, per_minute: int, instances: int) -> None:
        self._per_minute = per_minute
        self._instances = instances
        self._buckets = Buckets()
        self._daily: dict[str, Daily] = {}

    def address(self, name: str, per_minute: int, now: float) -> Bucket:
        """A bucket for a client that is only an address."""
        return self._buckets.get(name, share(per_minute, self._instances), now)

    def make(self, answer: Mapping[str, JsonValue], scopes: frozenset[str] | None, now: float) -> Principal:
        """The principal of identity's `answer`, with `scopes` (a token's) in place of the key's where given."""
        try:
            tenant_id, key_id = fields.text(answer, "tenant_id"), fields.text(answer, "key_id")
            held = scopes if scopes is not None else frozenset(fields.texts(answer, "scopes"))
            quotas = {
                name: fields.number(fields.nested(answer, "quotas"), name) for name in fields.nested(answer, "quotas")
            }
            per_minute, per_day = quotas["requests_per_minute"], quotas["requests_per_day"]
            payload = quotas["max_task_payload_bytes"]
        except (TypeError, KeyError) as error:
            raise unavailable("Authentication service unavailable", code="auth_error") from error
        if not tenant_id or not key_id:
            raise unavailable("Authentication service unavailable", code="auth_error")
        return Principal(
            tenant_id=tenant_id,
            key_id=key_id,
            scopes=held,
            max_payload_bytes=payload,
            headers=(
                (b"x-tenant-id", tenant_id.encode()),
                (b"x-aex-key-id", key_id.encode()),
                (b"x-aex-scopes", " ".join(sorted(held)).encode()),
                (b"x-aex-quotas", ",".join(f"{name}={value}" for name, value in sorted(quotas.items())).encode()),
            ),
            by_credential=self._buckets.get(f"key:{key_id}", share(self._per_minute, self._instances), now),
            by_tenant=self._buckets.get(f"tenant:{tenant_id}", share(per_minute, self._instances), now),
            daily=self._day_of(tenant_id, share(per_day, self._instances)),
        )

    def _day_of(self, tenant_id: str, limit: int) -> Daily:
        daily = self._daily.get(tenant_id)
        if daily is None:
            while len(self._daily) >= _MAX_TENANTS:
                del self._daily[next(iter(self._daily))]
            daily = self._daily[tenant_id] = Daily(limit)
        daily.limit = limit
        return daily


__all__ = ["Principal", "Principals"]
