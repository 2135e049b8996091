"""Export and import between real databases: nothing is lost, changed or doubled, and half of anything is refused."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aex.__main__ import main
from aex.store import Document, Put
from aex.tools.check import check
from aex.tools.lines import BadExport, Digest, parse
from aex.tools.place import Place
from aex.tools.transfer import NotImported, export, import_
from tests.app.tools.places import empty_place, fill, running

ODD: Document = {
    "name": "Zoë \U0001f980",
    "whole": 2**63 - 1,
    "negative": -(2**63),
    "one": 1.0,
    "small": 5e-324,
    "none": None,
    "list": [{"b": [1, 2.5, "x"], "a": {}}, [], "y"][:1],
    "empty": {},
    "nothing": [],
    "kind": "capability",
}
ODD_IDS = ("%2F", "a/b", "..", "__x__", "é", "Z", "a", "\U0001f980", "x" * 400)


async def written(place: Place) -> list[bytes]:
    lines: list[bytes] = []
    await export(place, lines.append)
    return lines


@pytest.fixture
async def origin(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """An exchange on SQLite after a trade, with documents that are hard to move."""
    place = empty_place("sqlite", request, tmp_path)
    await fill(place)
    store = await place.open("aex-provider-registry")
    for id in ODD_IDS:
        await store.insert("skill_index", id, ODD)
    many = [Put("agent_cards", f"card_{number:04}", {"number": number}) for number in range(600)]
    await store.insert("agent_cards", "card", {"number": 0}, then=many)
    await store.close()
    yield place


@pytest.fixture(params=(("mongo", "mongo-each", "sqlite"), ("mongo", "firestore", "sqlite")), ids="-".join)
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> list[Place]:
    """Empty places, one after the other; servers are started before there is a loop."""
    return [empty_place(backend, request, tmp_path) for backend in request.param]


@pytest.mark.timeout(120)
async def test_an_exchange_moves_through_databases_and_comes_back_the_same(origin: Place, chain: list[Place]) -> None:
    first = await written(origin)
    assert len({json.loads(line)["collection"] for line in first[1:-1]}) >= 17
    lines = first
    for place in chain:
        await import_(place, lines)
        lines = await written(place)
        assert sorted(lines) == sorted(first), f"{place} holds something else"
        # An audit of the ledger and of trust, which ask queries: the import made their indexes, too.
        assert await check(place, again=0) == 0
    assert lines == first


async def test_an_exchange_goes_on_where_it_was_moved_to(
    origin: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = empty_place("mongo", request, tmp_path)
    await import_(place, await written(origin))
    async with running(place) as exchange:
        settlement = exchange.client("settlement")
        before = (await settlement.get("/v1/balance?tenant_id=tenant_c")).json()["balance"]
        assert before == "-5"
        body = {"tenant_id": "tenant_c", "amount": "7"}
        assert (await settlement.post("/v1/deposits", json=body)).status_code == 201
        assert (await settlement.get("/v1/balance?tenant_id=tenant_c")).json()["balance"] == "2"


async def test_a_target_that_holds_anything_is_refused(
    origin: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    lines = await written(origin)
    place = empty_place("sqlite", request, tmp_path)
    await import_(place, lines)
    with pytest.raises(NotImported, match=r"not empty .* --resume"):
        await import_(place, lines)
    assert await written(place) == lines


async def test_an_exchange_that_has_only_been_started_counts_as_empty(
    origin: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    lines = await written(origin)
    place = empty_place("sqlite", request, tmp_path)
    async with running(place) as fresh:
        await fresh.duties()
    started = [json.loads(line)["collection"] for line in (await written(place))[1:-1]]
    assert {"tenants", "api_keys"} <= set(started), "the operator is there, or this shows nothing"
    await import_(place, lines)
    assert await written(place) == lines


async def test_an_import_that_was_cut_continues(origin: Place, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    lines = await written(origin)
    place = empty_place("mongo", request, tmp_path)
    with pytest.raises(BadExport, match="ends after"):
        await import_(place, lines[: len(lines) // 2])
    digest = await import_(place, lines, resume=True)
    assert digest.documents == len(lines) - 2
    assert sorted(await written(place)) == sorted(lines)


async def test_a_continuation_overwrites_nothing(origin: Place, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    lines = await written(origin)
    place = empty_place("sqlite", request, tmp_path)
    store = await place.open("aex-provider-registry")
    await store.insert("agent_cards", "card", {"number": 1})
    await store.close()
    with pytest.raises(NotImported, match="agent_cards/card is in the target already and differs"):
        await import_(place, lines, resume=True)


async def test_something_else_in_the_target_is_noticed(
    origin: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = empty_place("sqlite", request, tmp_path)
    store = await place.open("aex-provider-registry")
    await store.insert("agent_cards", "more", {"number": 1})
    await store.close()
    with pytest.raises(NotImported, match="something else writes"):
        await import_(place, await written(origin), resume=True)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "ends after 0 documents"),
        ([b'{"a": 1}'], "not the head"),
        ([b'{"aex_export": 2}'], "format 1"),
        ([b'{"aex_export": 1}', b"x"], "line 2 is not JSON"),
        ([b'{"aex_export": 1}', b"[]"], "line 2 is no JSON object"),
        ([b'{"aex_export": 1}', b'{"collection": "a", "id": 1, "doc": {}}'], "line 2 needs"),
        ([b'{"aex_export": 1}', b'{"end": {"digest": "0", "documents": 1}}'], "not that of the 0 documents"),
    ],
)
def test_what_is_no_whole_export_is_refused(lines: list[bytes], said: str) -> None:
    with pytest.raises(BadExport, match=said):
        list(parse(lines))


def test_a_changed_line_is_noticed() -> None:
    digest = Digest()
    lines = [b'{"aex_export":1}', b'{"collection":"a","doc":{"n":1},"id":"i"}']
    digest.add(lines[1])
    end = json.dumps({"end": {"digest": digest.text, "documents": 1}}).encode()
    assert len(list(parse([*lines, end]))) == 1
    with pytest.raises(BadExport, match="not that of"):
        list(parse([lines[0], lines[1].replace(b"1", b"2"), end]))


def test_the_commands(
    origin: Place, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, target = str(tmp_path / "export.jsonl"), empty_place("sqlite", request, tmp_path)
    assert main(["export", file, "--data", str(origin.folder)]) == 0
    assert Path(file).stat().st_mode & 0o777 == 0o600
    assert main(["import", file, "--data", str(target.folder)]) == 0
    assert main(["import", file, "--data", str(target.folder)]) == 2
    assert "not empty" in capsys.readouterr().err
    half = tmp_path / "half.jsonl"
    half.write_bytes(Path(file).read_bytes()[:5000])
    empty = tmp_path / "untouched"
    assert main(["import", str(half), "--data", str(empty)]) == 2
    assert not empty.exists()
    assert main(["export", "-"]) == 2
    assert "say where the data is" in capsys.readouterr().err
