"""What only Firestore promises: commits whose answer is lost, what other tools see, its settings, a frozen server."""

import os
import signal
from collections.abc import Callable

import pytest
from google.api_core.exceptions import Aborted, ServiceUnavailable
from google.cloud.firestore_v1 import types

from aex.store import firestore_values as values
from aex.store.deadline import Gate
from aex.store.declarations import owned_by
from aex.store.firestore import FirestoreBackend
from aex.store.firestore_client import FirestoreClient, FirestoreSettings
from aex.store.owned import GuardedStore
from aex.store.port import (
    AlreadyExists,
    InvalidDocument,
    Put,
    Store,
    StoreMisconfigured,
    StoreUnavailable,
    VersionConflict,
)
from tests.app.store.harness import COLLECTIONS, SERVICE, FirestoreHarness, read
from tests.app.store.load import Load
from tests.app.store.servers import FirestoreEmulator


@pytest.fixture
def harness(firestore_emulator: FirestoreEmulator) -> FirestoreHarness:
    return FirestoreHarness(firestore_emulator)


class Unreliable:
    """The library's client with answers that get lost: `lose` after the commit was applied, `drop` before."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        self.lose = 0
        self.drop: list[Exception] = []
        self.commits = 0

    async def commit(self, **arguments: object) -> types.CommitResponse:
        if self.drop:
            raise self.drop.pop()
        answer: types.CommitResponse = await self._inner.commit(**arguments)  # pyright: ignore[reportAttributeAccessIssue]
        self.commits += 1
        if self.lose:
            self.lose -= 1
            raise ServiceUnavailable("connection reset")
        return answer

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.fixture
async def unreliable(harness: FirestoreHarness) -> tuple[Store, Unreliable]:
    settings = FirestoreSettings.from_environ(harness.environ)
    backend = FirestoreBackend(settings, owned_by(SERVICE, COLLECTIONS))
    wrapper = Unreliable(backend._client._service)  # pyright: ignore[reportPrivateUsage] -- the seam to the network
    backend._client._service = wrapper  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    return GuardedStore(SERVICE, backend, COLLECTIONS), wrapper


async def test_a_write_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    unreliable: tuple[Store, Unreliable],
) -> None:
    store, wrapper = unreliable
    wrapper.lose = 1
    first = await store.insert("things", "one", {"n": 1}, then=[Put("follow_ups", "f", {"cause": "one"})])
    assert await read(store, "one") == first
    wrapper.lose = 2
    second = await store.replace(first, {"n": 2}, collection="things")
    assert await read(store, "one") == second
    wrapper.lose = 1
    assert await store.delete("things", "one") is True
    assert await store.get("things", "one") is None
    assert await store.get("follow_ups", "f") is not None
    await store.close()


async def test_what_somebody_else_wrote_is_still_a_conflict(unreliable: tuple[Store, Unreliable]) -> None:
    store, wrapper = unreliable
    first = await store.insert("things", "one", {"n": 1})
    wrapper.drop = [ServiceUnavailable("connection refused")]
    with pytest.raises(AlreadyExists):
        await store.insert("things", "one", {"n": 1})
    await store.replace(first, {"n": 2}, collection="things")
    wrapper.drop = [ServiceUnavailable("connection refused")]
    with pytest.raises(VersionConflict):
        await store.replace(first, {"n": 2}, collection="things")
    wrapper.drop = [ServiceUnavailable("connection refused")]
    assert await store.delete("things", "one", version=first.version) is False
    await store.close()


async def test_an_increment_is_repeated_only_when_it_was_surely_not_applied(
    unreliable: tuple[Store, Unreliable],
) -> None:
    store, wrapper = unreliable
    wrapper.drop = [Aborted("contention")]
    assert await store.increment("counters", "c", {"n": 1}) == {"n": 1}
    wrapper.lose = 1
    with pytest.raises(StoreUnavailable):
        await store.increment("counters", "c", {"n": 1})
    assert (await read(store, "c", "counters")).doc == {"n": 2}
    await store.close()


async def test_then_costs_one_commit(unreliable: tuple[Store, Unreliable]) -> None:
    store, wrapper = unreliable
    puts = [Put("follow_ups", f"f{n}", {"cause": "one"}) for n in range(20)]
    first = await store.insert("things", "one", {}, then=puts)
    assert wrapper.commits == 1
    await store.replace(first, {}, collection="things", then=puts)  # all there: one refusal, one look, one commit
    assert wrapper.commits == 2
    await store.close()


# --- what is in the database ---


async def test_a_document_is_readable_by_other_tools(harness: FirestoreHarness) -> None:
    store = await harness.open()
    await store.insert("aging", "a/b", {"kind": "k", "n": 1, "expires_at": "2026-11-24T22:55:49.123456Z"})
    with pytest.raises(InvalidDocument, match="expires_at"):
        await store.insert("aging", "wrong", {"expires_at": "tomorrow"})
    client = FirestoreClient(FirestoreSettings.from_environ(harness.environ))
    name = f"{client.documents}/aging/a%2Fb"
    request = types.BatchGetDocumentsRequest(database=client.database, documents=[name])
    answers = await client._service.batch_get_documents(  # pyright: ignore[reportPrivateUsage]
        request=request,
        retry=None,
        timeout=5,
        metadata=client._metadata,  # pyright: ignore[reportPrivateUsage]
    )
    (found,) = [answer.found.fields async for answer in answers]
    assert set(found) == {"kind", "n", "expires_at", "_ttl", "_w"}
    policy_reads = types.Value.pb(found["_ttl"]).timestamp_value.ToJsonString()
    assert policy_reads == "2026-11-24T22:55:49.123456Z"
    assert (found["kind"].string_value, found["n"].integer_value) == ("k", 1)
    await client.close()
    await store.close()


@pytest.mark.parametrize(
    ("id", "escaped"),
    [
        ("work_0af3", "work_0af3"),
        ("a/b%c", "a%2Fb%25c"),
        (".", "%2E"),
        ("..", "%2E."),
        ("...", "..."),
        ("__id7__", "%5F_id7__"),
        ("____", "%5F___"),
        ("__x", "__x"),
        ("nul\0\n", "nul%00%0A"),
        ("ä 日", "ä 日"),
    ],
)
def test_ids_are_escaped_where_firestore_reserves_something(id: str, escaped: str) -> None:
    assert values.escape(id) == escaped


# --- settings and faults ---


def test_settings() -> None:
    assert FirestoreSettings.from_environ({"FIRESTORE_PROJECT_ID": "p"}) == FirestoreSettings("p", "(default)")
    environ = {"FIRESTORE_PROJECT_ID": "p", "FIRESTORE_DATABASE": "aex-staging", "FIRESTORE_EMULATOR_HOST": "h:1"}
    assert FirestoreSettings.from_environ(environ) == FirestoreSettings("p", "aex-staging", "h:1")
    with pytest.raises(StoreMisconfigured, match="FIRESTORE_PROJECT_ID"):
        FirestoreSettings.from_environ({})


async def test_without_credentials_it_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, "/nowhere")
    with pytest.raises(StoreMisconfigured, match="gcloud auth application-default login"):
        FirestoreClient(FirestoreSettings("p", "(default)"))


async def test_a_frozen_server_piles_nothing_up_and_loses_nothing(
    firestore_emulator: FirestoreEmulator,
    harness: FirestoreHarness,
    record_property: Callable[[str, object], None],
) -> None:
    settings = FirestoreSettings.from_environ(harness.environ)
    backend = FirestoreBackend(settings, owned_by(SERVICE, COLLECTIONS), Gate(most=30, seconds=1.5))
    store = GuardedStore(SERVICE, backend, COLLECTIONS)
    async with Load(store, workers=4) as load:
        await load.until_acknowledged(10)
        os.kill(firestore_emulator.pid, signal.SIGSTOP)
        try:
            await load.until_refused(6)
        finally:
            os.kill(firestore_emulator.pid, signal.SIGCONT)
        await load.until_acknowledged(10)
        await load.stop()
    figures = await load.account(store)
    record_property("figures", f"Firestore frozen and continued: {figures}")
    assert load.slowest < 3
    await store.close()


async def test_an_absent_server_is_unavailable() -> None:
    settings = FirestoreSettings("p", "aex", "127.0.0.1:1")
    backend = FirestoreBackend(settings, owned_by(SERVICE, COLLECTIONS), Gate(seconds=5))
    store = GuardedStore(SERVICE, backend, COLLECTIONS)
    for call in (store.ping(), store.insert("things", "one", {}), store.increment("counters", "c", {"n": 1})):
        with pytest.raises(StoreUnavailable):
            await call
    await store.close()
