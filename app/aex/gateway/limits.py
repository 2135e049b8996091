"""How much a client may ask: token buckets a minute, a counter a day, all in this process.

A limit is for the whole exchange; each of `GATEWAY_INSTANCES` instances grants its share. Nothing is stored: an
instance that restarts starts full, which is the price for not asking a database on every request.
"""

import math
from dataclasses import dataclass

from aex.core.errors import ApiError

MINUTE = 60.0
DAY = 86_400
_IDLE_SECONDS = 600.0
"""Contract 2.3: idle buckets are dropped after ten minutes. They are full again after one."""
_MAX_BUCKETS = 50_000
Headers = tuple[tuple[bytes, bytes], ...]


class Bucket:
    """Contract 2.3: holds a minute's worth, starts full, refills evenly, is full again after 60 s."""

    __slots__ = ("limit", "refilled", "tokens")

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self.tokens = float(limit)
        self.refilled = now

    def resize(self, limit: int) -> None:
        """Another limit from now on; what was used stays used."""
        self.tokens = max(0.0, self.tokens + limit - self.limit)
        self.limit = limit

    def refill(self, now: float) -> None:
        """Adds what came in since the last time. `now` is in seconds."""
        if now > self.refilled:
            self.tokens = min(float(self.limit), self.tokens + (now - self.refilled) * self.limit / MINUTE)
            self.refilled = now

    def take(self, now: float) -> bool:
        """Takes one, if there is one."""
        self.refill(now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def wait(self) -> int:
        """Seconds until there is one again, at least 1."""
        return max(1, math.ceil((1 - self.tokens) * MINUTE / self.limit))

    def headers(self) -> Headers:
        """What answers say about it."""
        return (
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.tokens),
            (b"x-ratelimit-reset", b"%d" % (self.refilled + MINUTE)),
        )


class Buckets:
    """Buckets by name, never more than `_MAX_BUCKETS`."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._swept = 0.0

    def __len__(self) -> int:
        return len(self._buckets)

    def get(self, name: str, limit: int, now: float) -> Bucket:
        """The bucket called `name`, with this limit."""
        bucket = self._buckets.get(name)
        if bucket is None:
            self._sweep(now)
            bucket = self._buckets[name] = Bucket(limit, now)
        elif bucket.limit != limit:
            bucket.resize(limit)
        return bucket

    def _sweep(self, now: float) -> None:
        if now - self._swept > MINUTE:
            self._swept = now
            idle = [name for name, bucket in self._buckets.items() if now - bucket.refilled > _IDLE_SECONDS]
            for name in idle:
                del self._buckets[name]
        while len(self._buckets) >= _MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]  # the one that was made first


@dataclass(slots=True)
class Daily:
    """Requests of one UTC day."""

    limit: int
    day: int = 0
    used: int = 0

    def take(self, now: float) -> bool:
        """Counts one request at `now` (Unix seconds), unless the day's quota is used up."""
        day = int(now // DAY)
        if day != self.day:
            self.day, self.used = day, 0
        if self.used >= self.limit:
            return False
        self.used += 1
        return True


def share(limit: int, instances: int) -> int:
    """What one of `instances` grants of `limit`, at least 1."""
    return max(1, limit // instances)


def too_many(wait: int, message: str = "Rate limit exceeded.") -> ApiError:
    """429 that says in how many seconds to come back (contract 2.3)."""
    unit = "second" if wait == 1 else "seconds"
    text = f"{message} Please retry after {wait} {unit}."
    return ApiError(429, "rate_limit_exceeded", text, headers={"Retry-After": str(wait)})


__all__ = ["DAY", "Bucket", "Buckets", "Daily", "Headers", "share", "too_many"]
