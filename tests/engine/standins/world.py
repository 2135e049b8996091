"""The cloud behind a stand-in provider: what exists, what was done in which order, and what is to go wrong.

Lives in the process of the provider, so that it outlives every single `pulumi`. Tests look into it, change and delete
things behind the engine's back, and order failures and delays. Does not know what a resource means: `checked.py` does.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from infra.components.protocol import Context, Plain, PlainProperties, ProviderError
from tests.engine.standins.traits import Traits


@dataclass(slots=True)
class Thing:
    """Something that exists. `abandoned`: the engine has forgotten it, on purpose, and it lives on."""

    token: str
    id: str
    urn: str
    inputs: PlainProperties
    outputs: PlainProperties
    abandoned: bool = False

    @property
    def name(self) -> str:
        """Its name in the program."""
        return name_of(self.urn)

    @property
    def stack(self) -> str:
        """The stack that it belongs to."""
        return self.urn.removeprefix("urn:pulumi:").partition("::")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation as the cloud saw it; times are seconds of a monotonic clock, `error` is empty when it succeeded."""

    operation: str
    token: str
    urn: str
    started: float
    ended: float
    error: str = ""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return name_of(self.urn)


@dataclass(slots=True)
class _Order:
    """A failure or a delay, for the `nth` matching operation and `times - 1` after it, or the first on `each` URN."""

    operation: str
    token: str
    name: str
    nth: int
    times: int
    error: str = ""
    seconds: float = 0.0
    each: bool = False
    seen: int = 0
    met: set[str] = field(default_factory=set)
    """URNs that had their turn, with `each`."""

    def due(self, operation: str, token: str, urn: str) -> bool:
        """Count the operation if it matches, and say whether it is one of those that were meant."""
        if (
            operation != self.operation
            or not fnmatchcase(token, self.token)
            or not fnmatchcase(name_of(urn), self.name)
        ):
            return False
        if self.each:
            first = urn not in self.met
            self.met.add(urn)
            return first
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass
class World:
    """All that exists in one cloud. `place` is what names are formed from: project, account, region, ..."""

    place: dict[str, str] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)
    running: list[tuple[str, str]] = field(default_factory=list)
    """(operation, resource name) of what is being done right now."""
    table: dict[str, Traits] = field(default_factory=dict)
    """The tables of the providers in front of it."""
    _things: dict[tuple[str, str], Thing] = field(default_factory=dict)
    _orders: list[_Order] = field(default_factory=list)
    _births: Counter[str] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # What exists.

    def find(self, token: str, id: str) -> Thing | None:
        """The thing of that type and id, if it exists."""
        with self._lock:
            return self._things.get((token, id))

    def things(self, kind: str = "*", name: str = "*", stack: str = "*") -> list[Thing]:
        """What exists, oldest first; all three are patterns (kind: `gcp:compute/*`)."""
        with self._lock:
            return [
                thing
                for thing in self._things.values()
                if fnmatchcase(thing.token, kind) and fnmatchcase(thing.name, name) and fnmatchcase(thing.stack, stack)
            ]

    def left(self, stack: str = "*") -> list[Thing]:
        """What exists and was not left behind on purpose."""
        return [thing for thing in self.things(stack=stack) if not thing.abandoned]

    def one(self, token: str, name: str = "*", stack: str = "*") -> Thing:
        """The only thing that matches."""
        found = self.things(token, name, stack)
        assert len(found) == 1, f"{len(found)} of {token} {name}: {[thing.urn for thing in found]}"
        return found[0]

    def put(self, thing: Thing) -> None:
        """Something has been created."""
        with self._lock:
            self._things[thing.token, thing.id] = thing

    def remove(self, thing: Thing) -> None:
        """Something is gone."""
        with self._lock:
            self._things.pop((thing.token, thing.id), None)

    def birth(self, urn: str) -> int:
        """How many were created under this URN before, so that a replacement gets another id."""
        with self._lock:
            self._births[urn] += 1
            return self._births[urn]

    def users_of(self, thing: Thing) -> list[Thing]:
        """Whoever has one of the thing's identifying texts (id, ARN, self link, e-mail address) among its inputs."""
        marks = identities(thing)
        with self._lock:
            others = [each for each in self._things.values() if each is not thing and self.table[each.token].holds]
            return [each for each in others if marks & set(texts(each.inputs))]

    # Behind the engine's back.

    def lose(self, token: str, name: str = "*", stack: str = "*") -> Thing:
        """Delete something without the engine, as a person in the console would."""
        thing = self.one(token, name, stack)
        self.remove(thing)
        return thing

    def tamper(self, token: str, name: str = "*", stack: str = "*", **outputs: Plain) -> Thing:
        """Change something without the engine."""
        thing = self.one(token, name, stack)
        thing.outputs = {**thing.outputs, **outputs}
        return thing

    # What goes wrong.

    def fail(
        self,
        operation: str = "create",
        *,
        nth: int = 1,
        times: int = 1,
        kind: str = "*",
        name: str = "*",
        each: bool = False,
        error: str = "googleapi: Error 503: the service is currently unavailable (injected by a test)",
    ) -> None:
        """Let the n-th matching create, update, delete or read from now on fail, and `times - 1` after it.

        With `each`, the first such operation on every single resource fails instead.
        """
        with self._lock:
            self._orders.append(_Order(operation, kind, name, nth, times, error=error, each=each))

    def slow(
        self, operation: str, seconds: float, *, nth: int = 1, times: int = 1, kind: str = "*", name: str = "*"
    ) -> None:
        """Let matching operations take that long, or until the user cancels, after which they fail half-way."""
        with self._lock:
            self._orders.append(_Order(operation, kind, name, nth, times, seconds=seconds))

    def calm(self) -> None:
        """No more failures and delays; the log starts anew."""
        with self._lock:
            self._orders.clear()
            self.log.clear()

    @contextmanager
    def operation(self, operation: str, token: str, context: Context) -> Iterator[None]:
        """Surrounds each operation: what was ordered goes wrong first, then it happens, and is written down."""
        started, doing = time.monotonic(), (operation, name_of(context.urn))
        error = ""
        with self._lock:
            self.running.append(doing)
            due = [order for order in self._orders if order.due(operation, token, context.urn)]
        try:
            for order in due:
                if order.seconds and context.cancelled.wait(order.seconds):
                    raise ProviderError(f"{operation} of {name_of(context.urn)} was cancelled: run `pulumi up` again")
                if order.error:
                    raise ProviderError(order.error)
            yield
        except Exception as failure:
            error = str(failure) or type(failure).__name__
            raise
        finally:
            with self._lock:
                self.running.remove(doing)
                self.log.append(Entry(operation, token, context.urn, started, time.monotonic(), error))


_IDENTIFYING = ("arn", "selfLink", "email", "member", "uri", "repoDigest")


def identities(thing: Thing) -> set[str]:
    """The texts that stand for this thing and no other."""
    own = {thing.id, *(str(thing.outputs[key]) for key in _IDENTIFYING if thing.outputs.get(key))}
    # A short id (`1`, `aex`) may be anything; who refers to it by name is in the tables (`Traits.within`).
    return {text for text in own if len(text) > 12 and text not in set(texts(thing.inputs))}


def texts(value: Plain) -> Iterator[str]:
    """Every text in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)


def name_of(urn: str) -> str:
    """The last part of a URN: the resource's name in the program."""
    return urn.rpartition("::")[2]


__all__ = ["Entry", "Thing", "World", "identities", "name_of", "texts"]
