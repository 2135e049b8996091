"""`python -m aex check`: every invariant of a live exchange, read from its databases.

It reads the stores and does not ask the services: what a service says about itself would hide what the service gets
wrong, most invariants are between services, and so it needs neither running services nor their secrets, only the
database that the environment names. It writes nothing.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from aex.core.audit import AllOf, Audit, Difference
from aex.core.clock import Clock, utc_now
from aex.store import Stored
from aex.store.declarations import load
from aex.store.whole import everything
from aex.tools.invariants import between_services, outbox
from aex.tools.place import Place, Readers, owners

AGAIN_SECONDS = 3.0
"""Pause before what differs is looked at again: longer than a request's own effects take."""


async def check(place: Place, *, again: float = AGAIN_SECONDS, clock: Clock = utc_now) -> int:
    """Runs the check and reports; returns the exit code, 1 when something differs."""
    counts: dict[str, int] = {}
    found = await differences(place, clock, counts)
    if found:  # while the exchange runs, what differed for a moment is no difference
        await asyncio.sleep(again)
        still = {(one.invariant, one.subject) for one in await differences(place, clock, counts)}
        found = {one for one in found if (one.invariant, one.subject) in still}
    for one in sorted(found):
        _say(f"{one.invariant}: {one.subject} {one.problem}")
    read = f"{sum(counts.values())} documents in {len(counts)} collections of {place}"
    _say(f"{read}: {len(found)} differences" if found else f"{read}: every invariant holds")
    return 1 if found else 0


async def differences(place: Place, clock: Clock, counts: dict[str, int]) -> set[Difference]:
    """One look at everything; `counts` says afterwards how many documents each collection has."""
    async with Readers(place) as readers:

        async def all_of(name: str) -> AsyncIterator[Stored]:
            async for stored in everything(await readers.of(load()[name]), name):
                yield stored

        found = set(await between_services(all_of))
        for name in load():
            counts[name] = 0
            async for stored in all_of(name):
                counts[name] += 1
                if (problem := outbox(name, stored, clock)) is not None:
                    found.add(problem)
        for service in owners():
            found |= await _own(place, service, all_of, clock)
        return found


async def _own(place: Place, service: str, all_of: AllOf, clock: Clock) -> set[Difference]:
    """What the service's own audit finds, if it has one."""
    module = f"aex.{service.removeprefix('aex-').replace('-', '_')}.audit"
    if find_spec(module) is None:
        return set()
    audit = cast("Audit", import_module(module).differences)
    store = await place.open_to_read(service)
    try:
        return set(await audit(store, all_of, clock))
    finally:
        await store.close()


def _say(text: str) -> None:
    print(text, file=sys.stdout)  # noqa: T201 - the command's answer


__all__ = ["check", "differences"]
