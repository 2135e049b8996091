"""Everything secret on this machine: the shared secrets of the catalog, and one signing key for each who calls.

Every service gets only the secrets that the catalog gives it, its own seed, and the public keys of those that may call
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi

from infra.components.catalog import OPERATOR_KEY
from infra.components.environment import ServiceAuth, allowed_callers, secret_variables
from infra.components.model import Service
from infra.components.table import Catalog
from infra.local.resources import Secret, SigningKey

OPERATOR = "operator"
"""The caller of the catalog that people act as. On this machine it has a key like a service has."""

_PREFIXES = {OPERATOR_KEY.name: "aexk_"}
"""The operator's key has the form of every other API key; the services check the form."""


class LocalSecrets(pulumi.ComponentResource):
    """Generates what is missing, and hands each service its part."""

    def __init__(
        self,
        name: str,
        catalog: Catalog,
        *,
        folder: Path,
        rotations: Mapping[str, int],
        service_auth: ServiceAuth,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """`rotations` is secret -> version, where it is not the first; the files are kept under `folder`."""
        super().__init__("agent-exchange:local:Secrets", name, None, opts)
        self._catalog = catalog
        self._values = {
            secret.name: Secret(
                secret.name,
                file=str(folder / "secrets" / f"{secret.name}.json"),
                rotation=rotations.get(secret.name, 1),
                prefix=_PREFIXES.get(secret.name, ""),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for secret in catalog.secrets
        }
        signers = (*catalog.names, OPERATOR) if service_auth is ServiceAuth.TOKEN else ()
        self._keys = {
            signer: SigningKey(
                f"{signer}-signing-key",
                file=str(folder / "secrets" / f"{signer}-signing-key.json"),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for signer in signers
        }
        self.register_outputs({})

    @property
    def operator_key(self) -> pulumi.Output[str]:
        """The API key that works as soon as identity is up."""
        return pulumi.Output.secret(self._values[OPERATOR_KEY.name].value)

    @property
    def operator_seed(self) -> pulumi.Output[str] | None:
        """What the operator signs calls with, behind the gateway; None with service authentication off."""
        key = self._keys.get(OPERATOR)
        return pulumi.Output.secret(key.seed) if key else None

    def environment_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        """The variables of `service` that this component owns."""
        variables: dict[str, pulumi.Input[str]] = {
            variable: self._values[secret].versions for variable, secret in secret_variables(service).items()
        }
        if self._keys:
            callers = [caller for caller in allowed_callers(self._catalog, service.name) if caller in self._keys]
            variables["AEX_SERVICE_SEED"] = self._keys[service.name].seed
            variables["AEX_SERVICE_KEYS"] = pulumi.Output.json_dumps(
                {caller: self._keys[caller].public_key for caller in callers}
            )
        return variables


__all__ = ["LocalSecrets"]
