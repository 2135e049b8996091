"""How MongoDB is reached: every combination of settings, passwords that can be read again, and nothing that leaks."""

import json
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from aex.store.mongo_client import connect
from aex.store.mongo_settings import MongoSettings
from aex.store.port import StoreMisconfigured, StoreUnavailable

PASSWORD = "p@ss:/?#[]%20&=+ä\"'$"


async def options(**environ: str) -> dict[str, object]:
    return await MongoSettings.from_environ(environ).client_options()


async def test_separate_settings_as_documentdb_needs_them(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    found = await options(
        MONGO_HOST="aex.cluster-x.docdb.amazonaws.com:27017",
        MONGO_USER="aex-identity",
        MONGO_PASSWORD=PASSWORD,
        MONGO_CA_FILE=str(ca),
        MONGO_DB="exchange",
    )
    assert found["host"] == ["aex.cluster-x.docdb.amazonaws.com:27017"]
    assert (found["username"], found["password"], found["authSource"]) == ("aex-identity", PASSWORD, "admin")
    assert (found["tls"], found["tlsCAFile"]) == (True, str(ca))
    assert (found["replicaSet"], found["retryWrites"], found["w"]) == ("rs0", False, "majority")
    assert all(int(str(found[f"{name}MS"])) <= 6000 for name in ("serverSelectionTimeout", "connectTimeout"))


async def test_a_uri_is_taken_whole_and_wins() -> None:
    uri = "mongodb+srv://u:p%40ss@cluster.example.net/?retryWrites=true&w=1&appName=atlas"
    found = await options(MONGO_URI=uri)
    assert found["host"] == uri
    assert not {"retryWrites", "w", "appname", "username", "password", "replicaSet", "tls"} & set(found)
    assert {"socketTimeoutMS", "maxPoolSize"} <= set(found)


async def test_a_password_with_every_odd_character_arrives_unchanged() -> None:
    settings = MongoSettings.from_environ({"MONGO_HOST": "h", "MONGO_USER": "u@:/", "MONGO_PASSWORD": PASSWORD})
    client = await connect(settings)
    assert client.options.pool_options._credentials is not None  # pyright: ignore[reportPrivateUsage] -- nowhere else
    assert client.options.pool_options._credentials.password == PASSWORD  # pyright: ignore[reportPrivateUsage]
    assert client.options.pool_options._credentials.username == "u@:/"  # pyright: ignore[reportPrivateUsage]
    await client.close()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "MONGO_URI or MONGO_HOST"),
        ({"MONGO_URI": "mongodb://a", "MONGO_HOST": "b"}, "not both"),
        ({"MONGO_URI": f"http://u:{PASSWORD}@a"}, "must begin with mongodb://"),
        ({"MONGO_HOST": "h", "MONGO_PASSWORD": PASSWORD}, "MONGO_PASSWORD is set without MONGO_USER"),
        (
            {"MONGO_HOST": "h", "MONGO_USER": "u"},
            "exactly one of MONGO_PASSWORD, MONGO_PASSWORD_FILE, MONGO_SECRET_ARN",
        ),
        (
            {"MONGO_HOST": "h", "MONGO_USER": "u", "MONGO_PASSWORD": PASSWORD, "MONGO_PASSWORD_FILE": "/f"},
            "exactly one of",
        ),
        ({"MONGO_HOST": "h", "MONGO_CA_FILE": "/nowhere/ca.pem"}, "MONGO_CA_FILE: /nowhere/ca.pem is no file"),
        ({"MONGO_HOST": "h", "MONGO_TLS": "maybe"}, "MONGO_TLS must be on or off"),
    ],
)
def test_wrong_settings_name_what_to_set(environ: dict[str, str], says: str) -> None:
    with pytest.raises(StoreMisconfigured, match=says) as caught:
        MongoSettings.from_environ(environ)
    assert PASSWORD not in str(caught.value)


async def test_the_password_is_in_no_text(tmp_path: Path) -> None:
    settings = MongoSettings.from_environ({"MONGO_HOST": "h", "MONGO_USER": "u", "MONGO_PASSWORD": PASSWORD})
    assert PASSWORD not in repr(settings)
    uri = "mongodb://u:secret@h:port/"
    from_uri = MongoSettings.from_environ({"MONGO_URI": uri})
    assert "secret" not in repr(from_uri)
    with pytest.raises(StoreMisconfigured) as caught:
        await connect(from_uri)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None  # the driver's own text may quote the URI
    assert caught.value.__suppress_context__


async def test_a_mounted_password_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n", "utf-8")
    settings = MongoSettings.from_environ({"MONGO_HOST": "h", "MONGO_USER": "u", "MONGO_PASSWORD_FILE": str(file)})
    assert settings.password is not None
    assert settings.password.can_change
    assert (await settings.client_options())["password"] == "first"
    file.write_text(PASSWORD, "utf-8")
    assert (await settings.client_options())["password"] == PASSWORD
    file.unlink()
    with pytest.raises(StoreUnavailable, match="MONGO_PASSWORD_FILE"):
        await settings.client_options()


@pytest.mark.parametrize("text", [PASSWORD, json.dumps({"username": "u", "password": PASSWORD})], ids=["text", "json"])
async def test_a_secret_is_read_from_secrets_manager(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with mock_aws():
        made = boto3.client("secretsmanager", region_name="eu-central-1").create_secret(Name="db", SecretString=text)
        settings = MongoSettings.from_environ({"MONGO_HOST": "h", "MONGO_USER": "u", "MONGO_SECRET_ARN": made["ARN"]})
        assert (await settings.client_options())["password"] == PASSWORD
        absent = MongoSettings.from_environ(
            {"MONGO_HOST": "h", "MONGO_USER": "u", "MONGO_SECRET_ARN": made["ARN"] + "x"}
        )
        with pytest.raises(StoreUnavailable, match="MONGO_SECRET_ARN") as caught:
            await absent.client_options()
    assert PASSWORD not in str(caught.value)
