"""Load on a store during a fault, and the account of it: what was sent, acknowledged, refused, lost and doubled."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field

from aex.store.port import AlreadyExists, Put, Store, StoreUnavailable


@dataclass
class Load:
    """Writers that insert, each with a follow-up, and count; a refused insert is tried again until it is there."""

    store: Store
    workers: int = 8
    sent: int = 0
    refused: int = 0
    slowest: float = 0.0
    """Seconds that the longest call took, answered or refused."""
    acknowledged: list[str] = field(default_factory=list)
    counted: int = 0
    """Increments that were acknowledged."""
    uncertain: int = 0
    """Increments that ended as `StoreUnavailable`: applied or not."""
    _stop: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._work(n)) for n in range(self.workers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Let each worker finish what it is at; any error but a refusal comes out here."""
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def until_acknowledged(self, more: int, within: float = 60) -> None:
        """Wait for so many further acknowledged inserts."""
        goal, until = len(self.acknowledged) + more, time.monotonic() + within
        while len(self.acknowledged) < goal:
            assert time.monotonic() < until, f"not recovered: {self}"
            assert not any(task.done() for task in self._tasks), "a worker died"
            await asyncio.sleep(0.02)

    async def until_refused(self, more: int, within: float = 30) -> None:
        """Wait for so many further refusals."""
        goal, until = self.refused + more, time.monotonic() + within
        while self.refused < goal:
            assert time.monotonic() < until, f"nothing was refused: {self}"
            await asyncio.sleep(0.02)

    async def account(self, store: Store) -> str:
        """Check that nothing acknowledged is lost and nothing is doubled; returns the figures."""
        found = await store.get_many("things", self.acknowledged)
        puts = await store.get_many("follow_ups", [f"{id}-f" for id in self.acknowledged])
        counter = await store.get("counters", "load")
        total = int(str(counter.doc["n"])) if counter else 0
        missing = [f"things/{id}" for id in self.acknowledged if id not in found]
        missing += [f"follow_ups/{id}-f" for id in self.acknowledged if f"{id}-f" not in puts]
        lost = len(missing) + max(0, self.counted - total)
        doubled = max(0, total - self.counted - self.uncertain)
        figures = (
            f"sent {self.sent}, acknowledged {len(self.acknowledged)}, refused {self.refused}, "
            f"slowest answer {self.slowest:.1f} s, lost {lost}, doubled {doubled}"
        )
        counts = f"{total} counted by the store, {self.counted} acknowledged, {self.uncertain} uncertain"
        assert (lost, doubled) == (0, 0), f"{figures}; missing {missing}; {counts}"
        return figures

    async def _work(self, worker: int) -> None:
        n = 0
        while not self._stop:
            n += 1
            id = f"w{worker}-{n}"
            if not await self._insert(id):
                return
            self.acknowledged.append(id)
            try:
                await self._timed(self.store.increment("counters", "load", {"n": 1}))
                self.counted += 1
            except StoreUnavailable:
                self.uncertain += 1

    async def _insert(self, id: str) -> bool:
        """True once it is there, also by an earlier try. The retry of a sweep repeats the follow-up."""
        follow_up = Put("follow_ups", f"{id}-f", {"cause": id})
        while True:
            try:
                await self._timed(self.store.insert("things", id, {"kind": "load", "rank": id}, then=[follow_up]))
                return True
            except StoreUnavailable:
                if self._stop:
                    return False
                await asyncio.sleep(0.05)
            except AlreadyExists:  # an earlier try arrived, perhaps without its follow-up
                try:
                    there = await self.store.get("things", id)
                    assert there is not None
                    await self._timed(self.store.replace(there, there.doc, collection="things", then=[follow_up]))
                    return True
                except StoreUnavailable:
                    await asyncio.sleep(0.05)

    async def _timed(self, call: Coroutine[None, None, object]) -> None:
        self.sent += 1
        began = time.monotonic()
        try:
            await call
        except StoreUnavailable:
            self.refused += 1
            raise
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
