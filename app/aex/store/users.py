"""Users of MongoDB or DocumentDB: one for each service, in a database of its own, with a password from Secrets Manager.

A one-off task runs it (`python -m aex database-users`), as the only one that ever sees the master password. It may run
as often as one likes: a user that exists gets its password and its one role again. Users that nobody wants any more
stay: dropping one is a person's decision.

MONGO_HOST and MONGO_CA_FILE say where, MONGO_ADMIN_SECRET_ARN as whom (a secret with `username` and `password`), and
DATABASE_USERS what: `{"<user>": {"database": "...", "password": "<secret arn>[:::<version>]"}}`.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from pymongo import MongoClient
from pymongo.errors import PyMongoError

_VARIABLES = ("MONGO_HOST", "MONGO_ADMIN_SECRET_ARN", "DATABASE_USERS")


class Admin(Protocol):
    """The database `admin`, as far as it is needed."""

    def command(self, command: Mapping[str, object]) -> Mapping[str, object]:
        """Runs one command."""
        ...


Read = Callable[[str], str]
"""The text of a secret, by its reference."""


def ensure(admin: Admin, wanted: Mapping[str, Mapping[str, str]], read: Read) -> list[str]:
    """Makes or corrects each user of `wanted`; returns what was done, a line each, without any secret."""
    done: list[str] = []
    for user, what in sorted(wanted.items()):
        roles = [{"role": "readWrite", "db": what["database"]}]
        found = admin.command({"usersInfo": {"user": user, "db": "admin"}}).get("users")
        verb = "updateUser" if found else "createUser"
        admin.command({verb: user, "pwd": read(what["password"]), "roles": roles})
        done.append(f"{verb} {user} on {what['database']}")
    return done


def main() -> int:
    """What the task does; returns its exit code."""
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing:
        print(f"set {', '.join(missing)}: see the head of aex/store/users.py", file=sys.stderr)  # noqa: T201
        return 2
    try:
        wanted = cast("dict[str, dict[str, str]]", json.loads(os.environ["DATABASE_USERS"]))
        master = cast("dict[str, str]", json.loads(read_secret(os.environ["MONGO_ADMIN_SECRET_ARN"])))
        with _client(master) as client:
            for line in ensure(cast("Admin", client.admin), wanted, read_secret):
                print(line)  # noqa: T201 - the task's log
    except (PyMongoError, ValueError, KeyError) as error:
        # No text of these holds a password: commands are not quoted, and secrets are not JSON that failed to parse.
        print(f"the users were not made: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def read_secret(reference: str) -> str:
    """The text of a secret: `<arn>`, or `<arn>:::<version>` for one version of it."""
    import boto3  # pyright: ignore[reportMissingTypeStubs] - a third of a second, and only where it is needed

    arn, _, version = reference.partition(":::")
    client = cast("_Secrets", boto3.client("secretsmanager", region_name=arn.split(":")[3]))  # pyright: ignore[reportUnknownMemberType]
    answer = client.get_secret_value(SecretId=arn, **({"VersionId": version} if version else {}))
    return answer["SecretString"]


class _Secrets(Protocol):
    def get_secret_value(self, *, SecretId: str, VersionId: str = ...) -> Mapping[str, str]: ...


def _client(master: Mapping[str, str]) -> "MongoClient[Mapping[str, object]]":
    options: dict[str, object] = {"tls": True}
    if os.environ.get("MONGO_CA_FILE"):
        options["tlsCAFile"] = os.environ["MONGO_CA_FILE"]
    make = cast("Callable[..., MongoClient[Mapping[str, object]]]", MongoClient)
    return make(
        host=os.environ["MONGO_HOST"],
        username=master["username"],
        password=master["password"],
        authSource="admin",
        replicaSet=os.environ.get("MONGO_REPLICA_SET", "rs0"),
        retryWrites=False,
        serverSelectionTimeoutMS=60_000,
        **options,
    )


__all__ = ["Admin", "ensure", "main", "read_secret"]
