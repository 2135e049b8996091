"""`aex:local:Secret` and `aex:local:SigningKey`: values that are generated once and kept as secrets in the state.

The provider `random` of the clouds is not used here: its plugin is a binary that is not in any package registry, and
the local stack must run where nothing else can be reached.

A value is also kept in a file of the stack's folder (readable by this user only, like the database beside it): data
that survives `pulumi destroy` is of no use without the secret that its API keys were hashed with. The file goes with
the folder.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.components.protocol import Context, Created, Failure, PlainProperties, Resource, ResourceKind
from infra.local.plugin.inputs import is_known, path, text, whole

Versions: TypeAlias = dict[str, str]
"""Version -> value; the one in use first."""

_KEPT_VERSIONS = 2
"""The version in use and the one before it, which what was made with it still needs."""


class SecretKind(ResourceKind):
    """Random bytes as lower-case hexadecimal digits after a prefix.

    `value` is the version that `rotation` says; `versions` is what services are given, `<version>:<value>,...` with the
    one in use first and the previous one after it. Another `rotation` makes another value, and a return to the previous
    one uses the previous value again.
    """

    token = "aex:local:Secret"  # noqa: S105  (the name of a type)
    computed = volatile = secret_outputs = frozenset({"value", "versions"})

    def defaults(self, urn: str, inputs: PlainProperties) -> PlainProperties:
        """256 bits, no prefix, the first version."""
        return {"bytes": 32, "prefix": "", "rotation": 1}

    def check(self, inputs: PlainProperties) -> Iterable[Failure]:
        """Refuse what could be guessed."""
        length = inputs.get("bytes")
        if is_known(length) and not (isinstance(length, int) and 16 <= length <= 1024):
            yield Failure("bytes", "must be from 16 to 1024: fewer could be guessed")

    def create(self, context: Context, inputs: PlainProperties) -> Created:
        """Make the value, or use the one that an earlier stack in this folder has kept."""
        return Created(id=path(inputs, "file").name, outputs=_rotated(inputs, _kept(path(inputs, "file"))))

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Make the next version, and keep the previous one."""
        return _rotated(inputs, _parsed(text(resource.outputs, "versions")))


class SigningKeyKind(ResourceKind):
    """An Ed25519 key pair: a secret seed and the public key, both base64 of 32 bytes."""

    token = "aex:local:SigningKey"  # noqa: S105  (the name of a type)
    computed = frozenset({"seed", "publicKey"})
    secret_outputs = frozenset({"seed"})

    def create(self, context: Context, inputs: PlainProperties) -> Created:
        """Make the pair, or use the one that an earlier stack in this folder has kept."""
        file = path(inputs, "file")
        kept = _kept(file)
        seed = next(iter(kept.values())) if kept else base64.b64encode(secrets.token_bytes(32)).decode()
        _keep(file, {"1": seed})
        return Created(id=file.name, outputs={**inputs, "seed": seed, "publicKey": _public_key(seed)})

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """The folder has moved: the pair stays."""
        seed = text(resource.outputs, "seed")
        _keep(path(inputs, "file"), {"1": seed})
        return {**inputs, "seed": seed, "publicKey": _public_key(seed)}


def _rotated(inputs: PlainProperties, kept: Versions) -> PlainProperties:
    version = str(whole(inputs, "rotation"))
    value = kept.pop(version, None) or text(inputs, "prefix") + secrets.token_hex(whole(inputs, "bytes"))
    versions = dict(list({version: value, **kept}.items())[:_KEPT_VERSIONS])
    _keep(path(inputs, "file"), versions)
    return {**inputs, "value": value, "versions": ",".join(f"{name}:{item}" for name, item in versions.items())}


def _parsed(versions: str) -> Versions:
    pairs = (part.partition(":") for part in versions.split(","))
    return {version: value for version, _, value in pairs}


def _public_key(seed: str) -> str:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _kept(file: Path) -> Versions:
    try:
        content = cast("dict[str, object]", json.loads(file.read_text()))
        return {str(version): str(value) for version, value in cast("list[tuple[object, object]]", content["versions"])}
    except (OSError, ValueError, KeyError, TypeError):
        # Nothing usable there: a new value is made, and replaces the file.
        return {}


def _keep(file: Path, versions: Versions) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        json.dump({"versions": list(versions.items())}, target)
    fresh.replace(file)


__all__ = ["SecretKind", "SigningKeyKind"]
