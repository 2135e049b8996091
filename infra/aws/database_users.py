"""One user of the database for each service that owns collections, in a database of its own, with its own password.

Owns the passwords and what services are told about the database. The users themselves are made by the operations task
(`operations.py`), which alone reads the master password. A user's password is letters and digits, so that no URI and no
shell can break on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_random as random

from infra.aws.context import Context
from infra.aws.secrets import StackSecret
from infra.components.model import Service
from infra.components.naming import Kind
from infra.components.table import Catalog

CA_FILE: Final = "/etc/aex/aws-database-ca.pem"
"""Where the image has the certificates of Amazon's database authorities (global-bundle.pem)."""

_PASSWORD_LENGTH: Final = 40


class DatabaseUsers(pulumi.ComponentResource):
    """Passwords by service."""

    secrets: dict[str, StackSecret]

    def __init__(
        self,
        ctx: Context,
        catalog: Catalog,
        endpoint: pulumi.Input[str],
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a password for each service of `catalog` that uses the store behind `endpoint`."""
        super().__init__("agent-exchange:aws:DatabaseUsers", "database-users", None, opts)
        self._ctx, self._endpoint = ctx, endpoint
        self.secrets = {service.name: self._secret(service, key) for service in catalog.services if service.uses_store}
        self.register_outputs({})

    def variables_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        """Plain variables: where the database is, and as whom to log in."""
        if service.name not in self.secrets:
            return {}
        name = user_name(self._ctx, service.name)
        return {
            "MONGO_HOST": self._endpoint,
            "MONGO_USER": name,
            "MONGO_DB": name,
            "MONGO_CA_FILE": CA_FILE,
            "MONGO_REPLICA_SET": "rs0",
        }

    def references_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        """Pinned references: the password."""
        secret = self.secrets.get(service.name)
        return {"MONGO_PASSWORD": secret.pinned} if secret else {}

    def wanted(self) -> pulumi.Output[str]:
        """What the operations task makes, as JSON: user -> its database and the reference to its password."""
        users: dict[str, Mapping[str, pulumi.Input[str]]] = {
            user_name(self._ctx, service): {
                "database": user_name(self._ctx, service),
                "password": secret.pinned,
            }
            for service, secret in self.secrets.items()
        }
        return pulumi.Output.json_dumps(users, sort_keys=True)

    def _secret(self, service: Service, key: pulumi.Input[str]) -> StackSecret:
        password = random.RandomPassword(
            f"{service.name}-database",
            length=_PASSWORD_LENGTH,
            special=False,
            opts=self._ctx.stateful(self),
        )
        return StackSecret(
            self._ctx,
            f"{service.name}-database",
            description=f"Agent Exchange: password of {service.name} in the database",
            value=password.result,
            key=key,
            service=service.name,
            opts=pulumi.ResourceOptions(parent=self),
        )


def user_name(ctx: Context, service: str) -> str:
    """The user of a service and its database; stacks that share a cluster never share one."""
    return ctx.name(service, Kind.DOCDB)


__all__ = ["CA_FILE", "DatabaseUsers", "user_name"]
