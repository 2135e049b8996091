"""How to reach MongoDB or Amazon DocumentDB, and where the password comes from.

Owns the settings and reading the password again after it was rotated. Does not connect.

Either MONGO_URI (taken whole, as Atlas gives it) or MONGO_HOST with MONGO_USER and one of MONGO_PASSWORD,
MONGO_PASSWORD_FILE (a mounted secret) and MONGO_SECRET_ARN (Secrets Manager). No text of an error or a log holds the
URI or the password.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import parse_qsl, urlsplit

from aex.store.port import StoreMisconfigured, StoreUnavailable

_SOURCES = ("MONGO_PASSWORD", "MONGO_PASSWORD_FILE", "MONGO_SECRET_ARN")


class _Secrets(Protocol):
    """What is used of boto3's client for Secrets Manager."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Password:
    """Where the password is. Only a file or a secret can be read again."""

    value: str | None = field(default=None, repr=False)
    file: str | None = None
    secret_arn: str | None = None

    @property
    def can_change(self) -> bool:
        """Whether reading it again may give another one."""
        return self.value is None

    async def read(self) -> str:
        """The password now. Raises `StoreUnavailable` if its place can not be read."""
        if self.value is not None:
            return self.value
        try:
            if self.file is not None:
                return (await asyncio.to_thread(Path(self.file).read_text, "utf-8")).rstrip("\r\n")
            return await asyncio.to_thread(_read_secret, self.secret_arn or "")
        except Exception as error:  # boto3 has errors of many families
            place = f"MONGO_PASSWORD_FILE {self.file}" if self.file else f"MONGO_SECRET_ARN {self.secret_arn}"
            raise StoreUnavailable(f"the password can not be read from {place}: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class MongoSettings:
    """Everything needed to connect. `uri` is None when the separate settings are used."""

    database: str
    uri: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    user: str | None = None
    password: Password | None = None
    tls: bool = True
    ca_file: str | None = None
    replica_set: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "MongoSettings":
        """Reads MONGO_*. Raises `StoreMisconfigured` naming the variable to set."""
        values = {name: value for name, value in environ.items() if name.startswith("MONGO_") and value}
        database = values.get("MONGO_DB", "aex")
        uri, host = values.get("MONGO_URI"), values.get("MONGO_HOST")
        if bool(uri) == bool(host):
            raise StoreMisconfigured("STORE_TYPE=mongo needs either MONGO_URI or MONGO_HOST, and not both")
        if uri:
            if not uri.startswith(("mongodb://", "mongodb+srv://")):
                raise StoreMisconfigured("MONGO_URI must begin with mongodb:// or mongodb+srv://")
            return cls(database=database, uri=uri)
        ca_file = values.get("MONGO_CA_FILE")
        if ca_file and not Path(ca_file).is_file():
            raise StoreMisconfigured(f"MONGO_CA_FILE: {ca_file} is no file")
        tls = values.get("MONGO_TLS", "on")
        if tls not in ("on", "off"):
            raise StoreMisconfigured(f"MONGO_TLS must be on or off, not {tls!r}")
        return cls(
            database=database,
            hosts=tuple(h.strip() for h in (host or "").split(",")),
            user=values.get("MONGO_USER"),
            password=_password(values),
            tls=tls == "on",
            ca_file=ca_file,
            replica_set=values.get("MONGO_REPLICA_SET", "rs0"),
        )

    async def client_options(self) -> dict[str, object]:
        """Arguments of the driver's client. Credentials are separate arguments, so that nothing has to be escaped."""
        wanted: dict[str, object] = {
            "retryWrites": False,  # DocumentDB 5.0 refuses them
            "w": "majority",
            "serverSelectionTimeoutMS": 3000,
            "connectTimeoutMS": 3000,
            "socketTimeoutMS": 6000,
            "waitQueueTimeoutMS": 3000,
            "maxPoolSize": 50,
            "maxIdleTimeMS": 300_000,
            "appname": "agent-exchange",
        }
        if self.uri is not None:  # what the URI says wins
            said = {name.lower() for name, _ in parse_qsl(urlsplit(self.uri).query)}
            return {"host": self.uri, **{name: value for name, value in wanted.items() if name.lower() not in said}}
        wanted["host"] = list(self.hosts)
        if self.replica_set:
            wanted["replicaSet"] = self.replica_set
        if self.tls:
            wanted["tls"] = True
            if self.ca_file:
                wanted["tlsCAFile"] = self.ca_file
        if self.user and self.password:
            wanted |= {"username": self.user, "password": await self.password.read(), "authSource": "admin"}
        return wanted


def _password(values: Mapping[str, str]) -> Password | None:
    given = [name for name in _SOURCES if name in values]
    if "MONGO_USER" not in values:
        if given:
            raise StoreMisconfigured(f"{given[0]} is set without MONGO_USER")
        return None
    if len(given) != 1:
        raise StoreMisconfigured(f"MONGO_USER needs exactly one of {', '.join(_SOURCES)}; found {given or 'none'}")
    return Password(values.get("MONGO_PASSWORD"), values.get("MONGO_PASSWORD_FILE"), values.get("MONGO_SECRET_ARN"))


def _read_secret(arn: str) -> str:
    """The secret's text, or the password in it, as RDS and DocumentDB keep it: {"username": ..., "password": ...}."""
    # Imported only where a secret's name is given: it costs a third of a second. It has no types.
    import boto3  # pyright: ignore[reportMissingTypeStubs]

    region = arn.split(":")[3] if arn.count(":") >= 6 else None
    client = cast("_Secrets", boto3.client("secretsmanager", region_name=region))  # pyright: ignore[reportUnknownMemberType]
    text = client.get_secret_value(SecretId=arn)["SecretString"]
    if not text.lstrip().startswith("{"):
        return text
    password = cast("dict[str, object]", json.loads(text)).get("password")
    if not isinstance(password, str):
        raise ValueError("the secret has no password in it")
    return password
