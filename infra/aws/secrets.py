"""Everything secret of a stack on AWS: shared secrets of the catalog and a signing key for each who calls.

Values travel as Pulumi secrets and live in Secrets Manager; tasks get references to one version of them. Does not own
the shared values (`infra/components/secret_values.py`) nor the database's passwords (`database_users.py`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_random as random
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.aws.context import Context
from infra.components.catalog import OPERATOR_KEY
from infra.components.environment import allowed_callers, secret_variables
from infra.components.model import Service
from infra.components.naming import Kind
from infra.components.rotation import SECRET_BYTES
from infra.components.secret_values import SecretValues
from infra.components.table import Catalog

OPERATOR: Final = "operator"
"""The caller of the catalog that people act as; it signs like a service does."""


class StackSecret(pulumi.ComponentResource):
    """One secret with one value in use. `pinned` is what a task definition takes the value from."""

    arn: pulumi.Output[str]
    pinned: pulumi.Output[str]

    def __init__(
        self,
        ctx: Context,
        name: str,
        *,
        description: str,
        value: pulumi.Output[str],
        key: pulumi.Input[str],
        service: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the secret and put `value` into it."""
        super().__init__("agent-exchange:aws:Secret", name, None, opts)
        secret = aws.secretsmanager.Secret(
            name,
            name=ctx.name(name, Kind.AWS_SECRET),
            description=description,
            kms_key_id=key,
            # 0 frees the name at once, so that a stack can be destroyed and made anew on the same day.
            recovery_window_in_days=30 if ctx.protect else 0,
            tags=ctx.tags(service=service),
            opts=ctx.stateful(self),
        )
        version = aws.secretsmanager.SecretVersion(
            name,
            secret_id=secret.id,
            secret_string=pulumi.Output.secret(value),
            # Tasks that still run pin the version before; it goes when the secret goes.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.arn = secret.arn
        self.pinned = pulumi.Output.concat(secret.arn, ":::", version.version_id)
        self.register_outputs({"arn": self.arn})


class Secrets(pulumi.ComponentResource):
    """The catalog's secrets and the signing keys of its callers."""

    operator_key: pulumi.Output[str]
    """The API key that works as soon as identity is up; a secret."""
    operator_seed: pulumi.Output[str]
    """What the operator signs calls with, behind the gateway; a secret."""

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        values: SecretValues | None = None,
    ) -> None:
        """Declare them all, encrypted with `key`; `values` are the stack's, where it is on another cloud, too."""
        super().__init__("agent-exchange:aws:Secrets", "secrets", None, opts)
        self._ctx, self._catalog, self._key = ctx, catalog, key
        self._values = values or SecretValues(catalog, ctx.settings.secrets, protect=ctx.protect)
        self._shared = {secret.name: self._shared_secret(secret.name, secret.description) for secret in catalog.secrets}
        self._seeds = {signer: self._seed(signer) for signer in (*catalog.names, OPERATOR)}
        self._signing = {signer: self._signing_secret(signer) for signer in catalog.names}
        self.operator_key = self._values.in_use[OPERATOR_KEY.name]
        self.operator_seed = pulumi.Output.secret(self._seeds[OPERATOR].base64)
        self.register_outputs({})

    def references_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        """Environment variable -> pinned reference, of exactly the secrets that `service` reads."""
        found: dict[str, pulumi.Input[str]] = {
            variable: self._shared[secret].pinned for variable, secret in secret_variables(service).items()
        }
        return {**found, "AEX_SERVICE_SEED": self._signing[service.name].pinned}

    def variables_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        """Plain variables that belong to the secrets: the public keys of who may call `service`."""
        callers = [caller for caller in allowed_callers(self._catalog, service.name) if caller in self._seeds]
        keys = {caller: _public_key(self._seeds[caller].base64) for caller in callers}
        return {"AEX_SERVICE_KEYS": pulumi.Output.json_dumps(keys, sort_keys=True)}

    def _shared_secret(self, name: str, description: str) -> StackSecret:
        return StackSecret(
            self._ctx,
            name,
            description=f"Agent Exchange: {description}",
            value=self._values.written[name],
            key=self._key,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _seed(self, signer: str) -> random.RandomBytes:
        return random.RandomBytes(f"{signer}-signing-key", length=SECRET_BYTES, opts=self._ctx.stateful(self))

    def _signing_secret(self, signer: str) -> StackSecret:
        return StackSecret(
            self._ctx,
            f"{signer}-signing-key",
            description=f"Agent Exchange: what {signer} signs its calls with",
            value=self._seeds[signer].base64,
            key=self._key,
            service=signer,
            opts=pulumi.ResourceOptions(parent=self),
        )


def secret_names(catalog: Catalog) -> Mapping[str, str]:
    """Secret -> the service that alone reads it, or an empty text where several do."""
    return {
        **{secret.name: "" for secret in catalog.secrets},
        **{f"{service}-signing-key": service for service in catalog.names},
    }


def _public_key(seed: pulumi.Output[str]) -> pulumi.Output[str]:
    """The public half of a seed: not a secret."""
    return pulumi.Output.unsecret(seed.apply(public_key))


def public_key(seed: str) -> str:
    """The base64 Ed25519 public key of a base64 seed."""
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


__all__ = ["OPERATOR", "Secrets", "StackSecret", "public_key", "secret_names"]
