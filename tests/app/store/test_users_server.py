"""The services' database users on a real server that asks for log-ins: each reaches its own database, and no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pymongo
import pytest
from pymongo.errors import OperationFailure

from aex.store import users
from tests.app.store.servers import MongoServer

WANTED = {name: {"database": name, "password": f"secret of {name}"} for name in ("aex-settlement", "aex-identity")}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MongoServer]:
    """A server with an administrator."""
    own = MongoServer(tmp_path / "db")
    own.start()
    with pymongo.MongoClient("127.0.0.1", own.port, directConnection=True) as client:
        client.admin.command("createUser", "master", pwd="m", roles=["root"])
    own.stop()
    own.start(require_auth=True)
    yield own
    own.kill()


def log_in(server: MongoServer, user: str, password: str) -> "pymongo.MongoClient[dict[str, object]]":
    return pymongo.MongoClient("127.0.0.1", server.port, username=user, password=password, directConnection=True)


def test_a_user_reads_and_writes_its_own_database_and_no_other(server: MongoServer) -> None:
    with log_in(server, "master", "m") as master:
        done = users.ensure(cast("users.Admin", master.admin), WANTED, str.upper)
        assert done == ["createUser aex-identity on aex-identity", "createUser aex-settlement on aex-settlement"]
    with log_in(server, "aex-settlement", "SECRET OF AEX-SETTLEMENT") as client:
        client["aex-settlement"].ledger.insert_one({"_id": "a"})
        assert client["aex-settlement"].ledger.find_one() == {"_id": "a"}
        with pytest.raises(OperationFailure, match="not authorized"):
            client["aex-identity"].api_keys.find_one()
        with pytest.raises(OperationFailure, match="not authorized"):
            client["aex-identity"].api_keys.insert_one({"_id": "a"})
        with pytest.raises(OperationFailure, match="not authorized"):
            client.admin.command("createUser", "more", pwd="p", roles=["root"])


def test_a_second_run_gives_a_new_password_and_the_old_one_is_refused(server: MongoServer) -> None:
    with log_in(server, "master", "m") as master:
        users.ensure(cast("users.Admin", master.admin), WANTED, str.upper)
        done = users.ensure(cast("users.Admin", master.admin), WANTED, str.lower)
        assert all(line.startswith("updateUser") for line in done)
    with log_in(server, "aex-settlement", "secret of aex-settlement") as client:
        client["aex-settlement"].ledger.insert_one({"_id": "a"})
    with (
        log_in(server, "aex-settlement", "SECRET OF AEX-SETTLEMENT") as client,
        pytest.raises(OperationFailure, match=r"(?i)authentication failed"),
    ):
        client["aex-settlement"].ledger.find_one()


def test_a_stack_leaves_a_shared_server_with_all_that_is_its_own(server: MongoServer) -> None:
    theirs = {"aex-identity-staging": {"database": "aex-identity-staging", "password": "other"}}
    with log_in(server, "master", "m") as master:
        users.ensure(cast("users.Admin", master.admin), {**WANTED, **theirs}, str.upper)
        for database in ("aex-identity", "aex-identity-staging"):
            master[database].things.insert_one({"_id": "a"})
        for _ in range(2):
            users.dropped(cast("users.Admin", master.admin), lambda name: cast("users.Admin", master[name]), WANTED)
            assert master["aex-identity"].things.find_one() is None
            assert master["aex-identity-staging"].things.find_one() == {"_id": "a"}
    with log_in(server, "aex-identity-staging", "OTHER") as client:
        assert client["aex-identity-staging"].things.find_one() == {"_id": "a"}
    with (
        log_in(server, "aex-identity", "SECRET OF AEX-IDENTITY") as client,
        pytest.raises(OperationFailure, match=r"(?i)authentication failed"),
    ):
        client["aex-identity"].things.find_one()
