"""The task that makes the database's users: what it sends, again and again, and what it says when it cannot."""

from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

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
