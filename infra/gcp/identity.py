"""Who may do what: one service account for each service, with only what its catalog entry needs.

Every service may write logs, traces and metrics. One that owns collections may read and write this stack's database:
Google's permissions end at the database, the store port guards the collections inside. Secrets are granted one by one.
Who may call whom is in `service.py`, beside the service that is called.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.environment import allowed_callers, secret_variables
from infra.components.model import Service
from infra.components.table import Catalog
from infra.gcp.context import OPERATIONS, SCHEDULER, Context
from infra.gcp.iam import Condition, project_member, secret_reader, service_account
from infra.gcp.secrets import Secrets

OBSERVABILITY_ROLES: Final = {
    "logs": "roles/logging.logWriter",
    "traces": "roles/cloudtrace.agent",
    "metrics": "roles/monitoring.metricWriter",
}
DATABASE_ROLE: Final = "roles/datastore.user"

ACCOUNTS_OF_CALLERS: Final = {"scheduler": SCHEDULER, "operator": OPERATIONS}
"""Callers of the catalog that are no services and act through an account of the stack."""


class Identity(pulumi.ComponentResource):
    """Service accounts of the services, the scheduler and the operators' job, and what they may do."""

    accounts: dict[str, gcp.serviceaccount.Account]
    """By service, and by the base name of the two others."""
    grants: dict[str, list[pulumi.Resource]]
    """Service -> memberships that it needs before it starts."""

    def __init__(
        self, ctx: Context, catalog: Catalog, secrets: Secrets, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them for every service of `catalog`."""
        super().__init__("agent-exchange:gcp:Identity", "identity", None, opts)
        self._ctx, self._secrets = ctx, secrets
        self.accounts, self.grants = {}, {}
        for service in catalog.services:
            self._account(service.name, f"The code of {service.name}")
            self.grants[service.name] = self._grants(service)
        if any(service.duties for service in catalog.services):
            self._account(SCHEDULER, "Cloud Scheduler, which starts background duties")
        self._account(OPERATIONS, "The job of operators: checks, export and import")
        self.grants[OPERATIONS] = [*self._observability(OPERATIONS), self._database(OPERATIONS)]
        self.register_outputs({})

    def member(self, base: str) -> pulumi.Output[str]:
        """The account as IAM writes it."""
        return self.accounts[base].member

    def _account(self, base: str, description: str) -> None:
        self.accounts[base] = service_account(self._ctx, base, description=description, parent=self)

    def _grants(self, service: Service) -> list[pulumi.Resource]:
        found: list[pulumi.Resource] = self._observability(service.name)
        if service.uses_store:
            found.append(self._database(service.name))
        for secret in sorted(set(secret_variables(service).values())):
            found.append(
                secret_reader(
                    self._ctx,
                    f"{service.name}-reads-{secret}",
                    self._secrets.secret(secret),
                    self.member(service.name),
                    parent=self,
                )
            )
        return found

    def _observability(self, base: str) -> list[pulumi.Resource]:
        return [
            project_member(self._ctx, f"{base}-{what}", role, self.member(base), parent=self)
            for what, role in OBSERVABILITY_ROLES.items()
        ]

    def _database(self, base: str) -> pulumi.Resource:
        return project_member(
            self._ctx,
            f"{base}-database",
            DATABASE_ROLE,
            self.member(base),
            parent=self,
            condition=this_database(self._ctx),
        )


def this_database(ctx: Context) -> Condition:
    """Limits a grant to this stack's database; the others of the project stay closed."""
    return Condition(
        title=f"only the database {ctx.database}",
        expression=f'resource.name == "projects/{ctx.project}/databases/{ctx.database}"',
    )


def callers_with_accounts(ctx: Context, catalog: Catalog, service: str) -> dict[str, str]:
    """Caller -> e-mail of its account, of everybody who may call `service` with a token of the stack."""
    emails: dict[str, str] = {}
    for caller in allowed_callers(catalog, service):
        if caller in catalog.names:
            emails[caller] = ctx.email(caller)
        elif caller in ACCOUNTS_OF_CALLERS:
            emails[caller] = ctx.email(ACCOUNTS_OF_CALLERS[caller])
    return emails


__all__ = ["ACCOUNTS_OF_CALLERS", "Identity", "callers_with_accounts", "this_database"]
