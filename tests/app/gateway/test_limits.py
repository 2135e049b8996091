"""How much a client may ask: per credential, per tenant, per day, per address, shared by instances."""

from collections.abc import AsyncIterator

import pytest

from aex.gateway.addresses import client_address, limited_as
from aex.gateway.limits import Bucket, Buckets, Daily, share
from tests.app.gateway.harness import Seen, World, world
from tests.app.support import error_code

NOW = 1_795_521_600.0


async def test_each_credential_has_its_own_limit() -> None:
    """The limiter runs before auth, so its key is always `anonymous` (upstream): one client could starve all."""
    async with world(RATE_LIMIT_PER_MINUTE=5) as w:
        second = await w.new_key("*")
        remaining = [(await w.get("/v1/work")).headers["x-ratelimit-remaining"] for _ in range(5)]
        assert remaining == ["4", "3", "2", "1", "0"]
        refused = await w.get("/v1/work")
        assert (refused.status_code, error_code(refused)) == (429, "rate_limit_exceeded")
        assert refused.headers["retry-after"] == "12" and refused.headers["x-ratelimit-remaining"] == "0"
        assert refused.json()["error"]["message"] == "Rate limit exceeded. Please retry after 12 seconds."
        assert refused.headers["x-ratelimit-limit"] == "5"
        assert refused.headers["x-ratelimit-reset"] == str(int(NOW) + 60)
        assert (await w.get("/v1/work", second)).status_code == 200
        assert (await w.client().get("/v1/work")).status_code == 401
        assert len(w.backend.seen) == 6
        assert await w.metric('aex_gateway_rate_limited_total{limit="credential"}') == 1


async def test_a_token_shares_the_limit_of_its_key() -> None:
    """Otherwise every new token would be a new allowance."""
    async with world(RATE_LIMIT_PER_MINUTE=5) as w:
        for _ in range(3):
            assert (await w.get("/v1/work")).status_code == 200
        for expected in (200, 200, 429):
            client = w.client(authorization=f"Bearer {await w.token()}")
            assert (await client.get("/v1/work")).status_code == expected


async def test_the_bucket_refills_evenly() -> None:
    async with world(RATE_LIMIT_PER_MINUTE=5) as w:
        for _ in range(6):
            await w.get("/v1/work")
        w.clock.advance(11.9)
        assert (await w.get("/v1/work")).status_code == 429
        w.clock.advance(0.2)
        assert (await w.get("/v1/work")).status_code == 200
        assert (await w.get("/v1/work")).status_code == 429
        w.clock.advance(600)
        assert [(await w.get("/v1/work")).status_code for _ in range(6)] == [200] * 5 + [429]


async def test_a_tenants_quota_holds_over_all_its_keys(w: World) -> None:
    """Quotas never enforced by anybody (upstream)."""
    await w.quotas(requests_per_minute=4)
    keys = [w.key, await w.new_key("*")]
    answers = [(await w.get("/v1/work", keys[number % 2])) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit"] == "4"
    assert await w.metric('aex_gateway_rate_limited_total{limit="tenant"}') == 1


async def test_a_changed_quota_is_honoured_within_seconds(w: World) -> None:
    await w.quotas(requests_per_minute=2)
    assert [(await w.get("/v1/work")).status_code for _ in range(3)] == [200, 200, 429]
    await w.quotas(requests_per_minute=100)
    w.clock.advance(5.1)
    assert [(await w.get("/v1/work")).status_code for _ in range(5)] == [200] * 5


async def test_the_daily_quota_is_counted_and_ends_at_midnight(w: World) -> None:
    await w.quotas(requests_per_day=3)
    assert [(await w.get("/v1/work")).status_code for _ in range(3)] == [200] * 3
    refused = await w.get("/v1/work", await w.new_key("*"))
    assert (refused.status_code, error_code(refused)) == (429, "rate_limit_exceeded")
    assert refused.headers["retry-after"] == str(12 * 3600)
    assert refused.json()["error"]["message"].startswith("The tenant's daily quota is used up.")
    w.clock.advance(12 * 3600)
    assert (await w.get("/v1/work")).status_code == 200


async def test_instances_share_the_limits() -> None:
    """Process-local (upstream): each instance grants its part of the configured limit."""
    async with world(RATE_LIMIT_PER_MINUTE=10, GATEWAY_INSTANCES=4) as w:
        assert [(await w.get("/v1/work")).status_code for _ in range(3)] == [200, 200, 429]


async def test_guessing_is_limited_by_address_and_harms_nobody_who_is_known() -> None:
    async with world(AUTH_FAILURES_PER_MINUTE=3, TRUSTED_PROXY_HOPS=1) as w:
        assert (await w.get("/v1/work", None, x_forwarded_for="198.51.100.1")).status_code == 200
        guesses = [
            await w.get("/v1/work", f"aexk_{number + 1:064x}", x_forwarded_for="198.51.100.1") for number in range(4)
        ]
        assert [answer.status_code for answer in guesses] == [401, 401, 401, 429]
        assert guesses[0].headers["x-ratelimit-remaining"] == "2"
        assert w.questions == 4, "identity is not asked any more"
        anonymous = await w.client(x_forwarded_for="198.51.100.1").get("/v1/work")
        assert (anonymous.status_code, error_code(anonymous)) == (429, "rate_limit_exceeded")
        w.clock.advance(6)
        known = await w.get("/v1/work", None, x_forwarded_for="198.51.100.1")
        assert known.status_code == 200, "a key that was good is asked about all the same"
        other = await w.get("/v1/work", "aexk_" + "e" * 64, x_forwarded_for="198.51.100.2")
        assert other.status_code == 401


async def test_bare_bearers_are_limited_by_address() -> None:
    async with world(RATE_LIMIT_PER_MINUTE=3) as w:
        answers = [
            await w.client(authorization=f"Bearer aex_pk_live_{number:080x}").post("/v1/bids") for number in range(4)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["x-ratelimit-limit"] == "3" and len(w.backend.seen) == 3
        assert (await w.get("/v1/bids")).status_code == 200


async def test_the_client_is_who_our_own_proxies_saw(w: World) -> None:
    async def last_seen(made: World, **headers: str) -> Seen:
        await made.get("/v1/work", None, **headers)
        return made.backend.last

    forged = "6.6.6.6, 203.0.113.7"
    assert (await last_seen(w, x_forwarded_for=forged)).headers["x-forwarded-for"] == "127.0.0.1"
    async with world(TRUSTED_PROXY_HOPS=1) as behind:
        assert (await last_seen(behind, x_forwarded_for=forged)).headers["x-forwarded-for"] == "203.0.113.7"
        assert (await last_seen(behind)).headers["x-forwarded-for"] == "127.0.0.1"
        assert (await last_seen(behind, x_forwarded_for="nonsense")).headers["x-forwarded-for"] == "127.0.0.1"


async def test_a_payload_is_held_to_the_tenants_quota(w: World) -> None:
    """`max_task_payload_bytes`, announced or not; only where work is published."""
    await w.quotas(max_task_payload_bytes=1000)
    client = w.client(w.key)
    assert (await client.post("/v1/work", content=b"x" * 1000)).status_code == 200
    large = await client.post("/v1/work", content=b"x" * 1001)
    assert (large.status_code, error_code(large)) == (413, "payload_too_large")

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 300

    chunked = await client.post("/v1/work", content=parts())
    assert (chunked.status_code, error_code(chunked)) == (413, "payload_too_large")
    assert (await client.post("/v1/logs", content=b"x" * 1001)).status_code == 200
    assert len(w.backend.seen) == 2


def test_buckets_are_bounded_and_idle_ones_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = Buckets()
    for number in range(100):
        buckets.get(f"a{number}", 10, NOW)
    buckets.get("late", 10, NOW + 601)
    assert len(buckets) == 1
    monkeypatch.setattr("aex.gateway.limits._MAX_BUCKETS", 10)
    for number in range(100):
        buckets.get(f"b{number}", 10, NOW + 602)
    assert len(buckets) <= 10


def test_a_bucket_never_runs_backwards() -> None:
    bucket = Bucket(60, NOW)
    assert bucket.take(NOW) and bucket.tokens == 59
    assert bucket.take(NOW - 100) and bucket.tokens == 58
    bucket.resize(10)
    assert bucket.tokens == 8
    bucket.resize(1)
    assert bucket.tokens == 0 and not bucket.take(NOW) and bucket.wait() == 60
    daily = Daily(1)
    assert daily.take(NOW) and not daily.take(NOW) and daily.take(NOW + 86_400)
    assert (share(1000, 3), share(1, 10)) == (333, 1)


def test_an_ipv6_client_has_one_allowance_for_its_network() -> None:
    assert limited_as("2001:db8::1") == limited_as("2001:db8::ffff:1") == "2001:db8::/64"
    assert limited_as("2001:db8:0:1::1") != limited_as("2001:db8::1")
    assert limited_as("192.0.2.1") == "192.0.2.1"
    scope = {"type": "http", "client": ("10.0.0.1", 1)}
    headers = {b"x-forwarded-for": b"6.6.6.6, 2001:DB8::1, 10.0.0.9"}
    assert client_address(scope, headers, 0) == "10.0.0.1"
    assert client_address(scope, headers, 2) == "2001:db8::1"
    assert client_address(scope, headers, 4) == "10.0.0.1"
