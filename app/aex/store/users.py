"""Users of MongoDB or DocumentDB: one for each service, in a database of its own, with a password from Secrets Manager.

A one-off task runs it (`python -m aex database-users`), as the only one that ever sees the master password. It may run
as often as one likes: a user that exists gets its password and its one role again. Users that nobody wants any more
stay: dropping is a person's decision (`python -m aex drop`), and only an ephemeral stack in a shared cluster may.

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


_EPHEMERAL = "ephemeral"
"""The only environment (ENVIRONMENT) whose databases can be dropped: data of the others leaves with their clusters."""


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


def dropped(admin: Admin, database_of: Callable[[str], Admin], wanted: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Drops each user of `wanted` and then its database, into which nobody can write by then; says what was done.

    Nothing beyond `wanted` is looked at: the cluster is shared with other stacks. May run as often as one likes.
    """
    done: list[str] = []
    for user, what in sorted(wanted.items()):
        if admin.command({"usersInfo": {"user": user, "db": "admin"}}).get("users"):
            admin.command({"dropUser": user})
        database_of(what["database"]).command({"dropDatabase": 1})
        done.append(f"dropped {user} and {what['database']}")
    return done


def main() -> int:
    """What the task does before each deployment; returns its exit code."""
    return _run(
        "the users were not made", lambda client, wanted: ensure(cast("Admin", client.admin), wanted, read_secret)
    )


def drop() -> int:
    """What the task does before an ephemeral stack goes, on demand; returns its exit code."""
    environment = os.environ.get("ENVIRONMENT")
    if environment != _EPHEMERAL:
        print(  # noqa: T201
            f"nothing was dropped: ENVIRONMENT is {environment}, and only an ephemeral stack drops its databases, "
            "since it shares a cluster; the data of any other stack goes with its own cluster, by `pulumi destroy`",
            file=sys.stderr,
        )
        return 2

    def work(client: "MongoClient[Mapping[str, object]]", wanted: Mapping[str, Mapping[str, str]]) -> list[str]:
        return dropped(cast("Admin", client.admin), lambda name: cast("Admin", client[name]), wanted)

    return _run("not everything was dropped", work)


_Work = Callable[["MongoClient[Mapping[str, object]]", Mapping[str, Mapping[str, str]]], list[str]]


def _run(failed: str, work: _Work) -> int:
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing:
        print(f"set {', '.join(missing)}: see the head of aex/store/users.py", file=sys.stderr)  # noqa: T201
        return 2
    try:
        wanted = cast("dict[str, dict[str, str]]", json.loads(os.environ["DATABASE_USERS"]))
        master = cast("dict[str, str]", json.loads(read_secret(os.environ["MONGO_ADMIN_SECRET_ARN"])))
        with _client(master) as client:
            for line in work(client, wanted):
                print(line)  # noqa: T201 - the task's log
    except (PyMongoError, ValueError, KeyError) as error:
        # No text of these holds a password: commands are not quoted, and secrets are not JSON that failed to parse.
        print(f"{failed}: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
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


__all__ = ["Admin", "drop", "dropped", "ensure", "main", "read_secret"]
