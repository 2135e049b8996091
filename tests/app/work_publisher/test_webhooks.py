"""Subscribers hear of work by signed webhooks: over real sockets, bounded, repeated, and never inside our network."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult

from aex.core.errors import unavailable
from aex.work_publisher.app import DEFINITION
from aex.work_publisher.broadcast import PAGE
from aex.work_publisher.webhooks import Outcome, Webhooks, sign
from tests.app.support import TestClock, client_of, run_duties, running, runtime_of
from tests.app.work_publisher.conftest import WORK, Publisher
from tests.app.work_publisher.registry import Registry


@dataclass
class Got:
    """One request that the receiver saw."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A subscriber's web server on this machine; `answers` are the statuses it gives, the last one for ever."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [200])
    location: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Got(request.path, headers, await request.read()))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if request.path == "/ok":
            return web.Response()
        if request.path == "/endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x" * 65536)
        if request.path == "/slow":
            await asyncio.sleep(30)
        return web.Response(status=status, headers={"Location": self.location} if self.location else {})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is outside of this process's events
            await asyncio.sleep(0.01)


async def pending(publisher: Publisher, work_id: str) -> bool:
    stored = await runtime_of(publisher.app).store.get("work_specs", work_id)
    assert stored is not None
    return "outbox" in stored.doc


async def idle(publisher: Publisher, work_id: str) -> None:
    async with asyncio.timeout(5):
        while await pending(publisher, work_id):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


async def attempted(publisher: Publisher, work_id: str) -> None:
    """Waits until the first try is over and its result is stored."""
    async with asyncio.timeout(5):
        while True:
            stored = await runtime_of(publisher.app).store.get("work_specs", work_id)
            if stored is not None and stored.doc.get("outbox_tries") != 0:
                return
            await asyncio.sleep(0.01)


async def test_defect_subscribers_are_really_notified_with_a_signed_event(
    publisher: Publisher, receiver: Receiver
) -> None:
    publisher.registry.subscribe("text", "prov_1", receiver.url + "/hook?x=1", "whsec")
    work_id = await publisher.publish(payload={"text": "y" * 900}, auto_award=True)
    await idle(publisher, work_id)
    (got,) = receiver.got
    event = json.loads(got.body)
    assert event["event_type"] == got.headers["x-aex-event"] == "work.submitted"
    assert event["event_id"] == got.headers["x-aex-event-id"]
    assert event["schema_version"] == "1.0" and event["source"] == "aex-work-publisher"
    data = event["data"]
    assert (data["work_id"], data["category"], data["budget"]["max_price"]) == (work_id, "text", 10)
    assert len(data["payload_preview"]) == 500 and not {"payload", "consumer_id"} & set(data)
    timestamp, _, signature = got.headers["x-aex-signature"].removeprefix("t=").partition(",v1=")
    assert signature == hmac.new(b"whsec", timestamp.encode() + b"." + got.body, hashlib.sha256).hexdigest()


async def test_without_a_secret_there_is_no_signature(publisher: Publisher, receiver: Receiver) -> None:
    publisher.registry.subscribe("text", "prov_1", receiver.url)
    await idle(publisher, await publisher.publish())
    assert "x-aex-signature" not in receiver.got[0].headers


async def test_every_page_of_subscribers_is_told_once(publisher: Publisher, receiver: Receiver) -> None:
    for n in range(2 * PAGE + 3):
        publisher.registry.subscribe("text", f"prov_{n}", f"{receiver.url}/{n}" if n % 10 else "")
    work_id = await publisher.publish()
    await idle(publisher, work_id)
    expected = sorted(f"/{n}" for n in range(2 * PAGE + 3) if n % 10)
    assert sorted(got.path for got in receiver.got) == expected
    assert len({got.headers["x-aex-event-id"] for got in receiver.got}) == len(expected)


async def test_only_those_that_failed_are_told_again_and_not_for_ever(publisher: Publisher, receiver: Receiver) -> None:
    receiver.answers = [500]
    publisher.registry.subscribe("text", "prov_bad", receiver.url + "/bad", "s")
    publisher.registry.subscribe("text", "prov_gone", "http://127.0.0.1:1/nobody")
    publisher.registry.subscribe("text", "prov_ok", receiver.url + "/ok")
    work_id = await publisher.publish(bid_window_ms=300000)
    await attempted(publisher, work_id)
    for _ in range(6):
        publisher.clock.advance(20)
        await run_duties(publisher.app)
    assert sorted(got.path for got in receiver.got) == ["/bad"] * 3 + ["/ok"]
    assert len({got.headers["x-aex-event-id"] for got in receiver.got}) == 2, "so that the receiver can tell"
    assert not await pending(publisher, work_id)


@pytest.mark.parametrize("status", [302, 307, 400, 404, 410])
async def test_a_refusal_or_redirect_is_neither_followed_nor_repeated(
    publisher: Publisher, receiver: Receiver, status: int
) -> None:
    receiver.answers, receiver.location = [status], receiver.url + "/inside"
    publisher.registry.subscribe("text", "prov_1", receiver.url + "/hook")
    await idle(publisher, await publisher.publish())
    assert [got.path for got in receiver.got] == ["/hook"]


async def test_an_endless_answer_is_not_read(publisher: Publisher, receiver: Receiver) -> None:
    publisher.registry.subscribe("text", "prov_1", receiver.url + "/endless")
    await idle(publisher, await publisher.publish())
    assert len(receiver.got) == 1


async def test_a_slow_subscriber_delays_neither_publishing_nor_the_others(
    publisher: Publisher, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aex.work_publisher.webhooks.TIMEOUT_SECONDS", 0.3)
    publisher.registry.subscribe("text", "prov_slow", receiver.url + "/slow")
    publisher.registry.subscribe("text", "prov_fast", receiver.url + "/fast")
    async with asyncio.timeout(2):
        await publisher.publish()
        await until(lambda: len(receiver.got) == 2)


async def test_work_that_takes_no_bids_any_more_is_not_announced(publisher: Publisher, receiver: Receiver) -> None:
    publisher.registry.fail = unavailable("away")  # nobody could be told at first
    publisher.registry.subscribe("text", "prov_1", receiver.url)
    work_id = await publisher.publish(bid_window_ms=5000)
    await attempted(publisher, work_id)
    publisher.registry.fail = None
    publisher.clock.advance(30)
    await run_duties(publisher.app)
    assert receiver.got == [] and not await pending(publisher, work_id)


async def test_an_outage_of_the_registry_only_delays_the_broadcast(publisher: Publisher, receiver: Receiver) -> None:
    publisher.registry.fail = unavailable("away")
    publisher.registry.subscribe("text", "prov_1", receiver.url)
    work_id = await publisher.publish(bid_window_ms=300000)
    await attempted(publisher, work_id)
    publisher.registry.fail = None
    publisher.clock.advance(30)
    await run_duties(publisher.app)
    assert len(receiver.got) == 1 and not await pending(publisher, work_id)


INSIDE = [
    "http://127.0.0.1:{port}/hook",
    "https://127.0.0.1:{port}/hook",
    "https://[::1]:{port}/hook",
    "https://localhost:{port}/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1/hook",
    "https://127.0.0\u30021:{port}/hook",
    "https://user:pw@example.com/hook",
    "file:///etc/passwd",
    "",
]


@pytest.mark.parametrize("url", INSIDE)
async def test_strict_environments_send_nothing_inside(receiver: Receiver, url: str) -> None:
    webhooks = Webhooks(relaxed=False)
    port = receiver.url.rpartition(":")[2]
    outcome = await webhooks.send(url.format(port=port), "s", event="e", event_id="evt_1", body=b"{}")
    assert outcome is Outcome.REFUSED and receiver.got == []
    await webhooks.close()


async def test_a_name_that_resolves_to_our_network_is_not_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def resolve(_self: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        asked.append(host)
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0)]

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    webhooks = Webhooks(relaxed=False)
    port = receiver.url.rpartition(":")[2]
    url = f"https://rebound.example.com:{port}/hook"
    assert await webhooks.send(url, "", event="e", event_id="evt_1", body=b"{}") is Outcome.LATER
    assert asked == ["rebound.example.com"] and receiver.got == []
    await webhooks.close()


async def test_a_host_that_does_not_answer_does_not_hold_up_the_others(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aex.work_publisher.webhooks.TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("aex.work_publisher.webhooks.AT_ONCE", 5)
    dead = await asyncio.start_server(lambda *_: asyncio.sleep(30), "127.0.0.1", 0)
    port = dead.sockets[0].getsockname()[1]
    webhooks = Webhooks(relaxed=True)

    async def send(url: str) -> Outcome:
        return await webhooks.send(url, "", event="e", event_id="evt_1", body=b"{}")

    async with dead:
        waiting = [asyncio.create_task(send(f"http://127.0.0.1:{port}/hook/{n}")) for n in range(50)]
        await asyncio.sleep(0)
        async with asyncio.timeout(1.5):  # ten rounds of timeouts would be three seconds
            assert await send(receiver.url + "/hook") is Outcome.DELIVERED
            assert set(await asyncio.gather(*waiting)) == {Outcome.LATER}
        assert await send(receiver.url + "/ok") is Outcome.DELIVERED, "another port is another host"
    await webhooks.close()


async def test_a_host_that_answers_with_errors_is_asked_every_time(receiver: Receiver) -> None:
    receiver.answers = [500]
    webhooks = Webhooks(relaxed=True)
    for _ in range(8):
        assert await webhooks.send(receiver.url, "", event="e", event_id="evt_1", body=b"{}") is Outcome.LATER
    assert len(receiver.got) == 8
    await webhooks.close()


async def test_only_so_many_hosts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aex.work_publisher.webhooks.HOSTS_KEPT", 3)
    webhooks = Webhooks(relaxed=True)
    for n in range(5):
        await webhooks.send(f"http://127.0.0.{n + 2}:1/", "", event="e", event_id="evt_1", body=b"{}")
    assert len(webhooks._circuits) == 3  # pyright: ignore[reportPrivateUsage]
    await webhooks.close()


async def test_production_sends_no_webhook_to_a_private_address(receiver: Receiver) -> None:
    import base64

    registry, clock = Registry(), TestClock()
    registry.subscribe("text", "prov_1", receiver.url + "/hook")
    seed = base64.b64encode(b"s" * 32).decode()
    async with running(
        DEFINITION,
        peers={registry.name: registry},
        clock=clock,
        ENVIRONMENT="production",
        AEX_SERVICE_AUTH="token",
        AEX_SERVICE_SEED=seed,
    ) as app:
        service_auth_refuses = await client_of(app).post("/v1/work", json=WORK)
        assert service_auth_refuses.status_code == 401
        outcome = await Webhooks(relaxed=runtime_of(app).settings.relaxed).send(
            receiver.url + "/hook", "", event="e", event_id="evt_1", body=b"{}"
        )
    assert outcome is Outcome.REFUSED and receiver.got == []


def test_the_signature_covers_time_and_body() -> None:
    assert sign("k", 1, b"{}") != sign("k", 2, b"{}") != sign("k", 2, b"{ }") != sign("j", 2, b"{ }")
    assert sign("k", 1, b"{}") == "t=1,v1=" + hmac.new(b"k", b"1.{}", hashlib.sha256).hexdigest()


async def test_stopping_leaves_an_unfinished_broadcast_to_the_next_process(receiver: Receiver) -> None:
    from aex.store import open_store
    from tests.app.store.crashing import CrashingStore
    from tests.app.support import settings_of

    registry, clock = Registry(), TestClock()
    registry.subscribe("text", "prov_1", receiver.url + "/slow")
    inner = await open_store(settings_of(DEFINITION.settings_type), DEFINITION.name)
    kept = CrashingStore(inner, crash_at=-1)  # never crashes; closing it leaves the data
    peers = {registry.name: registry}
    async with running(DEFINITION, peers=peers, clock=clock, store=kept) as app, client_of(app) as client:
        await client.post("/v1/work", json={**WORK, "bid_window_ms": 300000})
        await until(lambda: receiver.got)
    registry.subscribers["text"][0]["webhook_url"] = receiver.url + "/hook"
    clock.advance(30)
    async with running(DEFINITION, peers=peers, clock=clock, store=inner) as app:
        await run_duties(app)
    assert [got.path for got in receiver.got] == ["/slow", "/hook"]
