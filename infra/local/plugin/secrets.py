"""`aex:local:Secret` and `aex:local:SigningKey`: values that are generated once and kept as secrets in the state.

The provider `random` of the clouds is not used here: its plugin is a binary that is not in any package registry, and
the local stack must run where nothing else can be reached.

A value is also kept in a file of the stack's folder (readable by this user only, like the database beside it): data
that survives `pulumi destroy` is of no use without the secret that its API keys were hashed with. The file goes with
the folder. A higher `rotation` makes a new value.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.components.protocol import Context, Created, Failure, PlainProperties, Resource, ResourceKind
from infra.local.plugin.inputs import is_known, path, text, whole


class _Kept(ResourceKind):
    """What both have in common: the value comes from the file if it is there and not older, or is made."""

    replace_on = frozenset({"rotation", "bytes", "prefix"})

    @abstractmethod
    def generate(self, inputs: PlainProperties) -> str:
        """A new value."""

    @abstractmethod
    def outputs(self, value: str) -> PlainProperties:
        """The outputs for a value."""

    def create(self, context: Context, inputs: PlainProperties) -> Created:
        """Make the value, or use the one that an earlier stack in this folder has kept."""
        file = path(inputs, "file")
        value = _kept(file, inputs) or self.generate(inputs)
        _keep(file, inputs, value)
        return Created(id=file.name, outputs={**inputs, **self.outputs(value)})

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """The folder has moved: the value stays."""
        computed = {key: resource.outputs[key] for key in self.computed}
        _keep(path(inputs, "file"), inputs, text(computed, self.kept_output))
        return {**inputs, **computed}

    kept_output = "value"
    """The output that is written to the file; the others are derived from it."""


class SecretKind(_Kept):
    """Random bytes as lower-case hexadecimal digits after a prefix."""

    token = "aex:local:Secret"  # noqa: S105  (the name of a type)
    computed = secret_outputs = frozenset({"value"})

    def defaults(self, urn: str, inputs: PlainProperties) -> PlainProperties:
        """256 bits, no prefix, the first version."""
        return {"bytes": 32, "prefix": "", "rotation": 1}

    def check(self, inputs: PlainProperties) -> Iterable[Failure]:
        """Refuse what could be guessed."""
        length = inputs.get("bytes")
        if is_known(length) and not (isinstance(length, int) and 16 <= length <= 1024):
            yield Failure("bytes", "must be from 16 to 1024: fewer could be guessed")

    def generate(self, inputs: PlainProperties) -> str:
        """From the system's source of randomness."""
        return text(inputs, "prefix") + secrets.token_hex(whole(inputs, "bytes"))

    def outputs(self, value: str) -> PlainProperties:
        """The value alone."""
        return {"value": value}


class SigningKeyKind(_Kept):
    """An Ed25519 key pair: a secret seed and the public key, both base64 of 32 bytes."""

    token = "aex:local:SigningKey"  # noqa: S105  (the name of a type)
    computed = frozenset({"seed", "publicKey"})
    secret_outputs = frozenset({"seed"})
    kept_output = "seed"

    def defaults(self, urn: str, inputs: PlainProperties) -> PlainProperties:
        """The first version."""
        return {"rotation": 1}

    def generate(self, inputs: PlainProperties) -> str:
        """A new seed."""
        return base64.b64encode(secrets.token_bytes(32)).decode()

    def outputs(self, value: str) -> PlainProperties:
        """The seed and the key that it determines."""
        public = Ed25519PrivateKey.from_private_bytes(base64.b64decode(value)).public_key().public_bytes_raw()
        return {"seed": value, "publicKey": base64.b64encode(public).decode()}


def _kept(file: Path, inputs: PlainProperties) -> str | None:
    try:
        content = cast("dict[str, object]", json.loads(file.read_text()))
        return str(content["value"]) if content["version"] == _version(inputs) else None
    except (OSError, ValueError, KeyError, TypeError):
        # Nothing usable there: a new value is made, and replaces the file.
        return None


def _keep(file: Path, inputs: PlainProperties, value: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        json.dump({"version": _version(inputs), "value": value}, target)
    fresh.replace(file)


def _version(inputs: PlainProperties) -> str:
    return "/".join(str(inputs.get(key, "")) for key in ("rotation", "bytes", "prefix"))


__all__ = ["SecretKind", "SigningKeyKind"]
