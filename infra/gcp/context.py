"""What every Google Cloud component needs to know about its stack: names, labels, and how much may be destroyed.

Names and the e-mail addresses of service accounts are known before anything exists, so that a preview shows who may do
what in full. Owns no resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from infra.components.model import Service
from infra.components.naming import Kind, physical_name
from infra.components.tags import labels
from infra.config import Settings
from infra.config.gcp import GcpSettings
from infra.gcp.propagation import retried

OPERATIONS: Final = "aex-operations"
"""The job of operators: checks, export and import. Its account is the catalog's caller `operator`."""

SCHEDULER: Final = "aex-scheduler"
"""Whose tokens Cloud Scheduler sends: the catalog's caller `scheduler`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A stack in a project and a region."""

    settings: Settings
    gcp: GcpSettings
    project: str
    region: str
    hooks: pulumi.ResourceHookBinding
    """Tries again what fails only because an API or a permission is new; on every resource of the stack."""

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return self.settings.stack

    @property
    def protect(self) -> bool:
        """The one switch of destructive power."""
        return self.settings.protect

    @property
    def database(self) -> str:
        """Id of the Firestore database."""
        return self.gcp.firestore.database or self.name("agent-exchange", Kind.FIRESTORE_DATABASE)

    def name(self, base: str, kind: Kind) -> str:
        """The physical name of a resource."""
        return physical_name(base, self.stack, kind)

    def labels(self, *, service: str | None = None) -> dict[str, str]:
        """Labels of a resource."""
        values = labels(self.stack, self.settings.environment.value, service=service)
        if self.settings.time_to_live_hours is not None:
            # Hours, not a date: a date would change with every deployment and so never be at rest.
            values["time-to-live-hours"] = str(self.settings.time_to_live_hours)
        return dict(sorted(values.items()))

    def email(self, base: str) -> str:
        """The address of the service account `base` of this stack, as Google forms it."""
        return f"{self.name(base, Kind.SERVICE_ACCOUNT)}@{self.project}.iam.gserviceaccount.com"

    def url(self, service: Service, number: pulumi.Input[str]) -> pulumi.Output[str]:
        """The address that Cloud Run gives a service, formed from names alone; `number` is the project's."""
        return pulumi.Output.format(
            "https://{0}-{1}.{2}.run.app", self.name(service.name, Kind.CLOUD_RUN), number, self.region
        )

    def child(
        self,
        parent: pulumi.Resource,
        *,
        after: Sequence[pulumi.Resource] = (),
        deleted_with: pulumi.Resource | None = None,
        protect: bool | None = None,
        replace_by_deleting: bool | None = None,
    ) -> pulumi.ResourceOptions:
        """Options of a resource of `parent`; hooks are not inherited, so each one gets them."""
        return pulumi.ResourceOptions(
            parent=parent,
            depends_on=list(after),
            deleted_with=deleted_with,
            protect=protect,
            delete_before_replace=replace_by_deleting,
            hooks=self.hooks,
        )

    def stateful(self, parent: pulumi.Resource, *, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        """Options of a resource that holds data: protected from deletion in protected stacks."""
        return self.child(parent, after=after, protect=self.protect)


def context_of(settings: Settings) -> Context:
    """The context of the running program. Asks nobody: what a preview needs is in the config."""
    if settings.gcp is None or settings.gcp_project is None or settings.gcp_region is None:
        raise ValueError(
            f"stack {settings.stack} does not deploy to Google Cloud: add gcp to agent-exchange:clouds, and set "
            "gcp:project and gcp:region"
        )
    return Context(
        settings=settings,
        gcp=settings.gcp,
        project=settings.gcp_project,
        region=settings.gcp_region,
        hooks=retried(),
    )


__all__ = ["OPERATIONS", "SCHEDULER", "Context", "context_of"]
