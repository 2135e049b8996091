"""Random sequences of operations do to every backend what they do to a dict."""

import asyncio
import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aex.store.port import AlreadyExists, Document, Put, Scalar, Store, Stored, VersionConflict
from tests.app.store.harness import Harness

ranks = st.sampled_from(["", "a", "b", "B", "ä", "日", "😀", "2026-11-24T22:55:49.123456Z"])
names = st.sampled_from(["n1", "n2", "n3", "ä/%", "..", "日"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=".$_\0"), min_size=1, max_size=5)
values = (
    scalars
    | st.lists(scalars | st.dictionaries(keys, scalars, max_size=2), max_size=3)
    | st.dictionaries(keys, scalars, max_size=3)
)
documents = st.fixed_dictionaries(
    {"rank": ranks, "flag": st.booleans(), "value": values}, optional={"n": st.integers(-50, 50)}
)
puts = st.lists(st.tuples(names, documents), max_size=2)


@dataclass
class Model:
    """What the store must hold: documents by id, and every version that was ever handed out."""

    docs: dict[str, Document] = field(default_factory=dict)
    current: dict[str, Stored] = field(default_factory=dict)
    stale: dict[str, Stored] = field(default_factory=dict)

    def write(self, stored: Stored) -> None:
        if stored.id in self.current:
            self.stale[stored.id] = self.current[stored.id]
        self.docs[stored.id], self.current[stored.id] = stored.doc, stored

    def remove(self, id: str) -> None:
        self.stale[id] = self.current.pop(id)
        del self.docs[id]


@dataclass(frozen=True)
class Insert:
    name: str
    doc: Document
    then: list[tuple[str, Document]]

    async def run(self, store: Store, model: Model, kind: str) -> None:
        doc: Document = {**self.doc, "kind": kind}
        id = f"{kind}-{self.name}"
        follow: list[tuple[str, Document]] = [(f"{kind}-{n}", {**d, "kind": kind}) for n, d in self.then]
        try:
            stored = await store.insert("things", id, doc, then=[Put("things", i, d) for i, d in follow])
        except AlreadyExists:
            assert id in model.docs
            return
        assert id not in model.docs
        model.write(stored)
        for put_id, put_doc in follow:
            if put_id not in model.docs:
                found = await store.get("things", put_id)
                assert found is not None
                assert found.doc == put_doc
                model.write(found)


@dataclass(frozen=True)
class Replace:
    name: str
    doc: Document
    stale: bool

    async def run(self, store: Store, model: Model, kind: str) -> None:
        id = f"{kind}-{self.name}"
        known = model.stale.get(id) if self.stale else model.current.get(id)
        if known is None:
            return
        doc: Document = {**self.doc, "kind": kind}
        try:
            model.write(await store.replace(known, doc, collection="things"))
        except VersionConflict:
            assert self.stale
        else:
            assert not self.stale


@dataclass(frozen=True)
class Delete:
    name: str
    guard: str

    async def run(self, store: Store, model: Model, kind: str) -> None:
        id = f"{kind}-{self.name}"
        known = {"none": None, "stale": model.stale.get(id), "current": model.current.get(id)}[self.guard]
        if self.guard != "none" and known is None:
            return
        deleted = await store.delete("things", id, version=known.version if known else None)
        assert deleted is (id in model.docs and self.guard != "stale")
        if deleted:
            model.remove(id)


@dataclass(frozen=True)
class Increment:
    name: str
    amount: int

    async def run(self, store: Store, model: Model, kind: str) -> None:
        id = f"{kind}-{self.name}"
        before = model.docs.get(id)
        if before is None:  # a created counter has no kind, so that no query would find it
            return
        total = int(str(before.get("n", 0))) + self.amount
        assert await store.increment("things", id, {"n": self.amount}) == {"n": total}
        found = await store.get("things", id)
        assert found is not None
        assert found.doc == {**before, "n": total}
        model.write(found)


@dataclass(frozen=True)
class Query:
    order: str
    limit: int
    low: str | None
    high: str | None
    flag: bool | None

    async def run(self, store: Store, model: Model, kind: str) -> None:
        flagged = self.flag is not None and self.order == "rank"
        where: dict[str, Scalar] = {"kind": kind, "flag": bool(self.flag)} if flagged else {"kind": kind}
        expected = sorted(
            (str(doc["rank"]), id)
            for id, doc in model.docs.items()
            if (not flagged or doc["flag"] is self.flag)
            and str(doc["rank"]) >= (self.low or "")
            and (self.high is None or str(doc["rank"]) <= self.high)
        )
        if self.order == "-rank":
            expected.reverse()
        found: list[Stored] = []
        cursor: str | None = None
        while True:
            page = await store.query(
                "things", where, order=self.order, limit=self.limit, cursor=cursor, low=self.low, high=self.high
            )
            assert len(page.items) == self.limit or page.cursor is None
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        assert [(s.doc["rank"], s.id) for s in found] == expected
        assert found == [model.current[s.id] for s in found]


operations = st.one_of(
    st.builds(Insert, names, documents, puts),
    st.builds(Replace, names, documents, st.booleans()),
    st.builds(Delete, names, st.sampled_from(["none", "stale", "current"])),
    st.builds(Increment, names, st.integers(-1000, 1000)),
    st.builds(
        Query,
        st.sampled_from(["rank", "-rank"]),
        st.integers(1, 5),
        st.none() | ranks,
        st.none() | ranks,
        st.none() | st.booleans(),
    ),
)


def test_a_store_behaves_like_a_dict(harness: Harness) -> None:
    numbers = itertools.count()
    with asyncio.Runner() as runner:
        store = runner.run(harness.open())

        @settings(
            max_examples=harness.examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(st.lists(operations, min_size=5, max_size=25))
        def check(steps: list[Insert | Replace | Delete | Increment | Query]) -> None:
            runner.run(play(store, steps, f"example{next(numbers)}"))

        check()
        runner.run(store.close())


async def play(store: Store, steps: list[Insert | Replace | Delete | Increment | Query], kind: str) -> None:
    model = Model()
    for step in steps:
        await step.run(store, model, kind)
    assert await store.get_many("things", sorted(model.docs)) == model.current
    assert await store.count("things", {"kind": kind}) == len(model.docs)
    for id in model.docs:
        await store.delete("things", id)
