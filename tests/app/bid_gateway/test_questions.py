"""What is remembered about keys and works, for how long, and what never is."""

from collections.abc import Mapping

import orjson
import pytest

from aex.bid_gateway.questions import KEY_SECONDS, WORK_SECONDS, KeyCheck, WorkCheck
from aex.core.errors import ApiError, unavailable
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.store.port import JsonValue

KEY = "Bearer aex_pk_live_" + "a" * 80
GOOD: dict[str, JsonValue] = {"valid": True, "provider_id": "prov_1", "status": "ACTIVE", "tenant_id": "t"}
OPEN: dict[str, JsonValue] = {"status": "OPEN", "bid_window_ends_at": "2026-11-24T12:00:30Z"}


class Other:
    """A peer that answers as told."""

    name = "aex-other"

    def __init__(self, answer: JsonValue, status: int = 200) -> None:
        self.answer: JsonValue = answer
        self.status, self.asked = status, 0

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> Reply:
        self.asked += 1
        if self.status == 0:
            raise unavailable("away")
        return Reply(self.status, orjson.dumps(self.answer))


class Seconds:
    """Monotonic seconds of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_revoked_key_is_refused_within_ten_seconds() -> None:
    registry, seconds = Other(GOOD), Seconds()
    keys = KeyCheck(registry, seconds)
    assert (await keys.holder(KEY)).provider_id == "prov_1"
    registry.answer = {"valid": False}
    seconds.now = KEY_SECONDS - 0.1
    assert (await keys.holder(KEY)).provider_id == "prov_1" and registry.asked == 1
    seconds.now = KEY_SECONDS
    with pytest.raises(ApiError, match="Unauthorized"):
        await keys.holder(KEY)


async def test_a_refusal_is_not_remembered() -> None:
    registry = Other({"valid": False})
    keys = KeyCheck(registry)
    with pytest.raises(ApiError):
        await keys.holder(KEY)
    registry.answer = GOOD
    assert (await keys.holder(KEY)).tenant_id == "t"


@pytest.mark.parametrize("status", [0, 400, 404, 500])
async def test_only_the_registry_says_that_a_key_is_wrong(status: int) -> None:
    registry = Other({}, status)
    with pytest.raises(ApiError) as caught:
        await KeyCheck(registry).holder(KEY)
    assert caught.value.status == 503


async def test_the_state_of_a_work_is_a_second_old_at_most() -> None:
    publisher, seconds = Other(OPEN), Seconds()
    works = WorkCheck(publisher, seconds)
    assert (await works.state("work_1")).takes_bids("2026-11-24T12:00:29.999999Z")
    publisher.answer = {**OPEN, "status": "CANCELLED"}
    seconds.now = WORK_SECONDS - 0.1
    cached = await works.state("work_1")
    assert cached.takes_bids("2026-11-24T12:00:01.000000Z") and publisher.asked == 1
    assert not cached.takes_bids("2026-11-24T12:00:30.000000Z"), "the end of the window needs no answer"
    seconds.now = WORK_SECONDS
    assert not (await works.state("work_1")).takes_bids("2026-11-24T12:00:01.000000Z")


async def test_an_unknown_work_is_asked_about_again() -> None:
    publisher = Other({}, 404)
    works = WorkCheck(publisher)
    with pytest.raises(ApiError) as caught:
        await works.state("work_1")
    assert caught.value.status == 404
    publisher.status, publisher.answer = 200, OPEN
    assert (await works.state("work_1")).status == "OPEN"
