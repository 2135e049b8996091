"""Where the commands look, by what they are told."""

import json

import boto3
import pytest
from moto import mock_aws

from aex.store import StoreMisconfigured
from aex.tools.place import owners, place_of

USERS = json.dumps({f"{service}-staging": {"database": f"{service}-staging", "password": "x"} for service in owners()})


def test_a_folder_holds_a_file_for_each_service() -> None:
    place = place_of("/data", {"STORE_TYPE": "mongo"})
    assert place.settings("aex-identity").sqlite_path == "/data/aex-identity.sqlite3"
    assert str(place) == "sqlite in /data"


def test_a_database_is_what_a_service_is_told() -> None:
    place = place_of(None, {"STORE_TYPE": "mongo", "MONGO_URI": "mongodb://x", "MONGO_DB": "{service}-staging"})
    assert place.variables("aex-identity")["MONGO_DB"] == "aex-identity-staging"
    assert place_of(None, {"STORE_TYPE": "firestore"}).store_type == "firestore"


def test_nothing_said_says_what_to_say() -> None:
    with pytest.raises(StoreMisconfigured, match="--data FOLDER"):
        place_of(None, {"STORE_TYPE": "sqlite"})


def test_the_operators_task_on_aws_looks_into_every_services_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="us-east-1")
        arn = client.create_secret(Name="m", SecretString=json.dumps({"username": "boss", "password": "p"}))["ARN"]
        place = place_of(None, {"MONGO_HOST": "db", "MONGO_ADMIN_SECRET_ARN": arn, "DATABASE_USERS": USERS})
    told = place.variables("aex-settlement")
    assert (told["MONGO_USER"], told["MONGO_SECRET_ARN"]) == ("boss", arn)
    assert told["MONGO_DB"] == "aex-settlement-staging"
    with pytest.raises(StoreMisconfigured, match="0 databases of aex-gateway"):
        place.variables("aex-gateway")
