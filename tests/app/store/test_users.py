"""The task that makes the database's users: what it sends, again and again, and what it says when it cannot."""

from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aex.__main__ import main
from aex.store import users

WANTED = {
    "aex-settlement": {"database": "aex-settlement", "password": "arn:2"},
    "aex-identity": {"database": "aex-identity", "password": "arn:1"},
}
PASSWORDS = {"arn:1": "one", "arn:2": "two"}


class Admin:
    """Keeps users as a server would."""

    def __init__(self) -> None:
        self.users: dict[str, Any] = {}

    def command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        (verb, subject), *_ = command.items()
        if verb == "usersInfo":
            return {"users": [subject] if subject["user"] in self.users else []}
        if verb == "dropUser":
            del self.users[subject]
            return {"ok": 1}
        assert (verb == "createUser") is (subject not in self.users)
        self.users[subject] = (command["pwd"], command["roles"])
        return {"ok": 1}


def test_every_user_gets_its_own_database_and_nothing_else() -> None:
    admin = Admin()
    done = users.ensure(admin, WANTED, PASSWORDS.__getitem__)
    assert admin.users == {
        "aex-identity": ("one", [{"role": "readWrite", "db": "aex-identity"}]),
        "aex-settlement": ("two", [{"role": "readWrite", "db": "aex-settlement"}]),
    }
    assert done == ["createUser aex-identity on aex-identity", "createUser aex-settlement on aex-settlement"]


def test_a_second_run_corrects_instead_of_failing() -> None:
    admin = Admin()
    users.ensure(admin, WANTED, PASSWORDS.__getitem__)
    done = users.ensure(admin, WANTED, {"arn:1": "new", "arn:2": "two"}.__getitem__)
    assert admin.users["aex-identity"][0] == "new"
    assert all(line.startswith("updateUser") for line in done)


def test_a_version_of_a_secret_is_read_by_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="us-east-1")
        first = client.create_secret(Name="s", SecretString="old")
        client.put_secret_value(SecretId="s", SecretString="new")
        assert users.read_secret(first["ARN"]) == "new"
        assert users.read_secret(f"{first['ARN']}:::{first['VersionId']}") == "old"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MONGO_HOST", "localhost")
    for name in ("MONGO_ADMIN_SECRET_ARN", "DATABASE_USERS"):
        monkeypatch.delenv(name, raising=False)
    assert users.main() == 2
    assert "set MONGO_ADMIN_SECRET_ARN, DATABASE_USERS" in capsys.readouterr().err


class Database:
    """One database of the cluster, which remembers that it was dropped, and who could still write into it then."""

    def __init__(self, name: str, admin: Admin, log: list[tuple[str, bool]]) -> None:
        self.name, self.admin, self.log = name, admin, log

    def command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        assert command == {"dropDatabase": 1}
        self.log.append((self.name, self.name in self.admin.users))
        return {"ok": 1}


def test_a_stack_drops_its_own_users_and_databases_and_nobody_elses() -> None:
    admin, log = Admin(), []
    other = {"aex-identity-staging": {"database": "aex-identity-staging", "password": "arn:1"}}
    users.ensure(admin, {**WANTED, **other}, PASSWORDS.__getitem__)
    for _ in range(2):
        done = users.dropped(admin, lambda name: Database(name, admin, log), WANTED)
        assert set(admin.users) == {"aex-identity-staging"}
        assert log == [("aex-identity", False), ("aex-settlement", False)], "users first, or somebody writes again"
        assert done == ["dropped aex-identity and aex-identity", "dropped aex-settlement and aex-settlement"]
        log.clear()


@pytest.mark.parametrize("environment", ["production", "staging", None])
def test_only_an_ephemeral_stack_drops_anything(
    environment: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    if environment:
        monkeypatch.setenv("ENVIRONMENT", environment)
    assert main(["drop"]) == 2
    assert f"nothing was dropped: ENVIRONMENT is {environment}" in capsys.readouterr().err
    monkeypatch.setenv("ENVIRONMENT", "ephemeral")
    monkeypatch.delenv("MONGO_HOST", raising=False)
    assert main(["drop"]) == 2
    assert "set MONGO_HOST" in capsys.readouterr().err
