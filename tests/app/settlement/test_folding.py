"""Balances as a projection: folding changes no balance, whatever the order, the overlap and the crashes."""

import asyncio
import contextlib
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aex.core.money import split_fee, text_from_micro
from aex.settlement import rules
from aex.settlement.ledger import FOLD_BATCH, Ledger
from aex.settlement.rules import EXTERNAL, FEES, Checkpoint, Side
from aex.store.port import Store, Stored
from tests.app.settlement.ledgers import bench, execution
from tests.app.store.crashing import Crashed, CrashingStore, open_memory_store
from tests.app.support import TestClock

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW = "2026-11-24T12:00:00.000000Z"


async def test_folding_changes_no_balance_and_closes_everything() -> None:
    async with bench() as b:
        await b.deposit("tenant_c", "100")
        await b.settle()
        before = [await b.balance("tenant_c"), await b.balance("prov_p"), await b.rows("tenant_c")]
        assert await b.fold() == {"balances": 3}
        assert await b.fold() == {"balances": 0}
        assert [await b.balance("tenant_c"), await b.balance("prov_p"), await b.rows("tenant_c")] == before
        checkpoint = await b.store.get("balances", "tenant_c")
        assert checkpoint is not None
        assert checkpoint.doc["balance_micro"] == 90_000_000 and checkpoint.doc["folding"] == []


async def test_more_than_one_batch_is_folded() -> None:
    async with bench() as b:
        for _ in range(2 * FOLD_BATCH + 1):
            await b.deposit("tenant_a", "1")
        assert await b.fold() == {"balances": 2 * FOLD_BATCH + 1}
        assert await b.balance("tenant_a") == str(2 * FOLD_BATCH + 1)


async def test_folds_at_the_same_time_take_each_side_once() -> None:
    async with bench() as b:
        for number in range(30):
            await b.deposit("tenant_c", "1")
            await b.settle(f"contract_{number}", agreed_price="0.5")
        others = [Ledger(b.store, b.clock) for _ in range(8)]
        await asyncio.gather(*(ledger.fold(account) for ledger in others for account in ("tenant_c", "prov_p")))
        assert [await b.balance("tenant_c"), await b.balance("prov_p")] == ["15", "12.75"]
        await b.balanced()


async def test_balances_are_right_while_folding_and_paying_go_on() -> None:
    async with bench() as b:
        stop = asyncio.Event()
        seen: list[int] = []

        async def read() -> None:
            while not stop.is_set():
                seen.append(int(await b.balance("tenant_a")))
                await b.balanced()
                await asyncio.sleep(0)

        async def fold() -> None:
            while not stop.is_set():
                await b.ledger.fold("tenant_a")
                await asyncio.sleep(0)

        background = [asyncio.create_task(read()), asyncio.create_task(fold()), asyncio.create_task(fold())]
        for _ in range(60):
            await b.deposit("tenant_a", "1")
        stop.set()
        await asyncio.gather(*background)
        assert seen == sorted(seen) and await b.balance("tenant_a") == "60"


@pytest.mark.parametrize("after", [False, True])
async def test_a_fold_that_crashes_at_any_write_loses_and_doubles_nothing(after: bool) -> None:
    for crash_at in range(1, 100):
        inner = await open_memory_store("aex-settlement")
        async with bench(inner) as b:
            for number in range(3):
                await b.deposit("tenant_c", "10")
                await b.settle(f"contract_{number}", agreed_price="1")
            crashing = CrashingStore(inner, crash_at, after=after)
            with contextlib.suppress(Crashed):
                await Ledger(crashing, b.clock).fold_due()
            for _ in range(2):
                assert [await b.balance("tenant_c"), await b.balance("prov_p")] == ["27", "2.55"]
                await b.balanced()
                await b.fold()
            if not crashing.crashed:
                assert crash_at > 8, "the fold must have written checkpoints and closed sides"
                return
    pytest.fail("the fold never ended")


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["deposit", "settle", "fail", "fold", "crash", "repeat"]),
        st.integers(0, 3),
        st.integers(1, 10**9),
    ),
    max_size=25,
)


@QUICK
@given(STEPS)
def test_any_sequence_of_deposits_settlements_folds_and_crashes_balances(steps: list[Step]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[Step]) -> None:
    expected: defaultdict[str, int] = defaultdict(int)
    async with bench() as b:
        for number, (what, who, micro) in enumerate(steps):
            consumer, provider, amount = f"tenant_{who}", f"prov_{(who + micro) % 3}", text_from_micro(micro)
            match what:
                case "deposit":
                    assert (await b.deposit(consumer, amount)).status_code == 201
                    expected[consumer] += micro
                    expected[EXTERNAL] -= micro
                case "settle" | "fail" | "repeat":
                    contract = f"contract_{number if what != 'repeat' else who}"
                    fields = {"consumer_id": consumer, "provider_id": provider, "agreed_price": amount}
                    answer = await b.settle(contract, success=what != "fail", **fields)
                    if what != "fail" and answer.status_code == 200:
                        fee, payout = split_fee(micro)
                        expected[consumer] -= micro
                        expected[provider] += payout
                        expected[FEES] += fee
                case "fold":
                    await b.fold()
                case _:
                    with contextlib.suppress(Crashed):
                        await Ledger(CrashingStore(b.store, 1 + micro % 9), b.clock).fold_due()
        assert sum(expected.values()) == 0
        report = await b.balanced()
        for account in {*expected, "tenant_0"} - {EXTERNAL, FEES}:
            assert await b.balance(account) == text_from_micro(expected[account])
        assert report[EXTERNAL] == text_from_micro(expected[EXTERNAL])
        assert report[FEES] == text_from_micro(expected[FEES])


@given(st.integers(0, 10**15))
def test_fee_and_payout_are_the_price_and_never_off_by_more_than_half_a_micro_unit(price: int) -> None:
    fee, payout = split_fee(price)
    assert fee + payout == price
    assert abs(fee * 100 - price * 15) <= 50


@given(
    st.lists(st.tuples(st.sampled_from(["open", "folding", "closed"]), st.integers(1, 10**12)), max_size=30),
)
def test_the_projection_counts_every_side_once_in_every_state_of_a_fold(states: list[tuple[str, int]]) -> None:
    sides: list[Side] = []
    folded: list[str] = []
    for number, (state, micro) in enumerate(states):
        entry = rules.deposit_entry(f"tx_{number}", "tenant_a", micro, "1", NOW)
        side = Side(Stored(f"ledger_{number}", 1, {**entry, "credit_open": state != "closed"}), rules.CREDIT)
        sides.append(side)
        if state == "folding":
            folded.append(side.key)
    taken = sum(micro for state, micro in states if state != "open")
    checkpoint = Checkpoint(taken, frozenset(folded))
    assert checkpoint.due(sides) == taken
    assert checkpoint.project([side for side in sides if side.open]) == sum(micro for _, micro in states)


@given(st.booleans(), st.integers(0, 10**15), st.sampled_from(["tenant_c", "prov_p"]))
def test_every_entry_is_sound_and_sums_to_zero(success: bool, price: int, provider: str) -> None:
    done = {**execution(success=success, provider_id=provider), "price_micro": price}
    entry = Stored("ledger_1", 1, rules.settlement_entry("exec_1", done, price, NOW))  # pyright: ignore[reportArgumentType]
    external, fees = rules.derived_micro(entry.doc)
    assert rules.problem_of(entry) is None
    assert external + fees + sum(side.micro for _, side in rules.sides_of(entry)) == 0


async def test_a_checkpoint_never_exceeds_64_bits_and_the_balance_is_still_exact() -> None:
    async with bench() as b:
        entry = rules.deposit_entry("tx_1", "tenant_a", 9 * 10**18, "9e12", NOW)
        for number in (1, 2):
            await b.ledger.post(f"ledger_{number}", entry)
        await b.fold()
        assert await b.balance("tenant_a") == str(18 * 10**12)
        await b.balanced()


class Meddling:
    """A store where a fold by another instance comes between two reads, after the `at`-th one."""

    def __init__(self, inner: Store, at: int) -> None:
        self._inner = inner
        self._reads = 0
        self._at = at

    def __getattr__(self, name: str) -> object:
        method = getattr(self._inner, name)
        if name not in {"get", "query"}:
            return method

        async def read(*args: object, **kwargs: object) -> object:
            self._reads += 1
            answer = await method(*args, **kwargs)
            if self._reads == self._at:
                await Ledger(self._inner, TestClock()).fold("tenant_a")
            return answer

        return read


@pytest.mark.parametrize("at", range(1, 8))
async def test_a_fold_between_two_reads_of_a_balance_is_noticed(at: int) -> None:
    async with bench() as b:
        for amount in ("1", "2", "4"):
            await b.deposit("tenant_a", amount)
        other = Ledger(Meddling(b.store, at), b.clock)  # pyright: ignore[reportArgumentType]
        assert (await other.snapshot("tenant_a")).balance_micro == 7_000_000
        await b.deposit("tenant_a", "8")
        other = Ledger(Meddling(b.store, at), b.clock)  # pyright: ignore[reportArgumentType]
        rows = (await other.history("tenant_a", 10, None)).rows
        assert [row.balance_after_micro - row.side.micro for row in rows][-1] == 0
        assert sum(row.side.micro for row in rows) == 15_000_000


@pytest.mark.parametrize("folded", [False, True])
async def test_a_deposit_between_the_balance_and_the_list_does_not_upset_the_rows(folded: bool) -> None:
    async with bench() as b:
        await b.deposit("tenant_a", "1")

        class Depositing(Meddling):
            def __getattr__(self, name: str) -> object:
                method = getattr(self._inner, name)

                async def read(*args: object, **kwargs: object) -> object:
                    if kwargs.get("order") == "-created_at" and self._reads == 0:
                        self._reads += 1
                        await b.deposit("tenant_a", "5")
                        if folded:
                            await b.ledger.fold("tenant_a")
                    return await method(*args, **kwargs)

                return read if name == "query" else method

        rows = (await Ledger(Depositing(b.store, 0), b.clock).history("tenant_a", 10, None)).rows  # pyright: ignore[reportArgumentType]
        assert len(rows) == (2 if folded else 1)
        assert rows[-1].balance_after_micro == rows[-1].side.micro
