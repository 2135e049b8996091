"""The real ten services under the real engine on a MongoDB server instead of files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aex.tools.check import check
from aex.tools.place import Place
from tests.app.store.servers import MongoServer
from tests.engine import workshop
from tests.engine.workshop import Workshop

pytestmark = [pytest.mark.engine, pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture
def on_mongo(tmp_path: Path, mongo_server: MongoServer) -> Iterator[tuple[Workshop, str]]:
    """A deployed stack with `storeType` mongo, and the URI that it was given as a secret."""
    uri = f"mongodb://127.0.0.1:{mongo_server.port}/?replicaSet=rs0&retryWrites=false"
    made = workshop.new(tmp_path / "checkout")
    made.set("local", "storeType", "mongo")
    made.pulumi("config", "set", "--secret", "--path", "agent-exchange:local.mongoUri", uri)
    try:
        made.up()
        yield made, uri
    finally:
        made.close()


def test_the_exchange_runs_on_a_server_and_keeps_nothing_in_files(on_mongo: tuple[Workshop, str]) -> None:
    made, uri = on_mongo
    for service, port in made.ports.items():
        assert httpx.get(f"http://127.0.0.1:{port}/ready").json()["status"] == "ready", service
    deposit = {"tenant_id": "tenant_m", "amount": "3"}
    settlement = f"http://127.0.0.1:{made.ports['aex-settlement']}"
    assert httpx.post(f"{settlement}/v1/deposits", json=deposit).status_code == 201
    assert asyncio.run(check(Place("mongo", None, {"MONGO_URI": uri}), again=0)) == 0
    assert not list(made.folder.glob("data/*.sqlite3"))
    assert uri not in "".join(file.read_text() for file in (made.folder / "logs").iterdir())
    assert uri not in "".join(file.read_text() for file in (made.root / ".aex" / "state").rglob("*.json"))
    made.destroy()
    assert made.listening() == []
    # What the server holds is not the stack's to remove.
    assert asyncio.run(check(Place("mongo", None, {"MONGO_URI": uri}), again=0)) == 0
