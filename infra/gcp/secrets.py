"""Everything secret of a stack on Google Cloud: the shared secrets of the catalog.

Values travel as Pulumi secrets and live in Secret Manager; services get references to one version of them, by number,
never `latest`. Does not own the values (`infra/components/secret_values.py`). Signing keys do not exist here: services
prove who they are by their service accounts.
"""

from __future__ import annotations

import re

import pulumi
import pulumi_gcp as gcp

from infra.components.catalog import OPERATOR_KEY
from infra.components.environment import secret_variables
from infra.components.model import Service
from infra.components.naming import Kind
from infra.components.secret_values import SecretValues
from infra.components.table import Catalog
from infra.gcp.context import Context


class StackSecret(pulumi.ComponentResource):
    """One secret with one value in use. `version` is the number that services pin."""

    secret: gcp.secretmanager.Secret
    version: pulumi.Output[str]

    def __init__(
        self,
        ctx: Context,
        name: str,
        *,
        description: str,
        value: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the secret and put `value` into it."""
        super().__init__("agent-exchange:gcp:Secret", name, None, opts)
        self.secret = gcp.secretmanager.Secret(
            name,
            secret_id=ctx.name(name, Kind.GOOGLE_SECRET),
            annotations={"description": description},
            # Cannot be changed later, and organisations often forbid the automatic kind, which leaves the region.
            replication=gcp.secretmanager.SecretReplicationArgs(
                user_managed=gcp.secretmanager.SecretReplicationUserManagedArgs(
                    replicas=[gcp.secretmanager.SecretReplicationUserManagedReplicaArgs(location=ctx.region)]
                )
            ),
            deletion_protection=ctx.protect,
            labels=ctx.labels(),
            opts=ctx.stateful(self),
        )
        version = gcp.secretmanager.SecretVersion(
            name,
            secret=self.secret.id,
            secret_data=pulumi.Output.secret(value),
            # Revisions that still serve, or may serve again, pin the version before; it goes when the secret goes.
            deletion_policy="ABANDON",
            opts=ctx.child(self, deleted_with=self.secret),
        )
        self.version = version.version
        self.register_outputs({"version": self.version})


class Secrets(pulumi.ComponentResource):
    """The catalog's secrets."""

    operator_key: pulumi.Output[str]
    """The API key that works as soon as identity is up; a secret."""

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        opts: pulumi.ResourceOptions | None = None,
        values: SecretValues | None = None,
    ) -> None:
        """Declare them all; `values` are the stack's, where it is on another cloud, too."""
        super().__init__("agent-exchange:gcp:Secrets", "secrets", None, opts)
        self._ctx = ctx
        self._values = values or SecretValues(catalog, ctx.settings.secrets, protect=ctx.protect)
        self._all = {secret.name: self._stack_secret(secret.name, secret.description) for secret in catalog.secrets}
        self.operator_key = self._values.in_use[OPERATOR_KEY.name]
        self.register_outputs({})

    def secret(self, name: str) -> gcp.secretmanager.Secret:
        """The secret that the catalog calls `name`."""
        return self._all[name].secret

    def references_of(self, service: Service) -> dict[str, tuple[pulumi.Input[str], pulumi.Input[str]]]:
        """Environment variable -> (secret, version number), of exactly the secrets that `service` reads."""
        return {
            variable: (self._all[name].secret.secret_id, self._all[name].version)
            for variable, name in secret_variables(service).items()
        }

    @property
    def project_number(self) -> pulumi.Output[str]:
        """The number of the project, which Secret Manager puts into the names that it gives.

        Learnt from a resource, not by a look-up, so that a preview needs no permission to read the project.
        """
        return next(iter(self._all.values())).secret.name.apply(number_in)

    def _stack_secret(self, name: str, description: str) -> StackSecret:
        return StackSecret(
            self._ctx,
            name,
            description=f"Agent Exchange: {description}",
            value=self._values.written[name],
            opts=pulumi.ResourceOptions(parent=self),
        )


def number_in(name: str) -> str:
    """The project number in the full name of a secret."""
    found = re.match(r"projects/(\d+)/secrets/", name)
    if found is None:
        raise ValueError(
            f"Secret Manager calls a secret {name!r}, which has no project number: set "
            "agent-exchange:gcp.projectNumber (`gcloud projects describe PROJECT --format='value(projectNumber)'`)"
        )
    return found[1]


__all__ = ["Secrets", "StackSecret", "number_in"]
