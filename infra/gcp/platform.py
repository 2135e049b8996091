"""The whole exchange on Google Cloud, composed from one component per concern, in the order of the call graph.

Owns the order and what each part gets from the others. Everything else is in the file that is named after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi

from infra.components.catalog import CATALOG
from infra.components.environment import Common, DutyMode, ServiceAuth, StoreType, environment_of
from infra.components.graph import callees_of, callers_of, deployment_order, outside_callers_of
from infra.components.image import ImageArgs, ServiceImage, build_of
from infra.components.model import Service
from infra.components.secret_values import SecretValues
from infra.config import Settings
from infra.config.gcp import Egress
from infra.gcp.budget import Budget
from infra.gcp.context import OPERATIONS, Context, context_of
from infra.gcp.database import Database
from infra.gcp.exports import Exports
from infra.gcp.identity import ACCOUNTS_OF_CALLERS, Identity, callers_with_accounts
from infra.gcp.ingress import Door, Ingress, door_of
from infra.gcp.monitoring import Monitoring
from infra.gcp.network import Network, Outlet
from infra.gcp.notifications import Notifications
from infra.gcp.operations import Operations, OperationsArgs
from infra.gcp.registry import Registry
from infra.gcp.scaling import instances_of
from infra.gcp.scheduler import Scheduler
from infra.gcp.secrets import Secrets
from infra.gcp.service import GcpService, GcpServiceArgs
from infra.gcp.traces import trace_variables

IMAGE_PLATFORM: Final = "linux/amd64"
"""The only one that Cloud Run runs."""


class GcpPlatform(pulumi.ComponentResource):
    """Ten services on Cloud Run, and what they stand on."""

    def __init__(
        self, ctx: Context, opts: pulumi.ResourceOptions | None = None, values: SecretValues | None = None
    ) -> None:
        """Declare all of it."""
        super().__init__("agent-exchange:gcp:Platform", "gcp", None, opts)
        self.ctx = ctx
        child = pulumi.ResourceOptions(parent=self)
        self.registry = Registry(ctx, child)
        self.secrets = Secrets(ctx, CATALOG, child, values)
        self.number: pulumi.Output[str] = (
            pulumi.Output.from_input(ctx.gcp.project_number) if ctx.gcp.project_number else self.secrets.project_number
        )
        self.database = Database(ctx, child)
        self.identity = Identity(ctx, CATALOG, self.secrets, child)
        self.network = None if ctx.gcp.network.egress is Egress.NONE else Network(ctx, child)
        self._images = self._all_images()
        self.services: dict[str, GcpService] = {}
        for name in deployment_order(CATALOG):
            self.services[name] = self._service(CATALOG.service(name))
        self.exports = Exports(ctx, self.identity.member(OPERATIONS), child)
        self.operations = self._operations()
        Scheduler(ctx, {service: self.services[service.name] for service in CATALOG.services}, child)
        public = next(service for service in CATALOG.services if service.public)
        self.ingress = Ingress(ctx, self.services[public.name], child)
        self.notifications = Notifications(ctx, child)
        self.monitoring = Monitoring(ctx, CATALOG, self.ingress, self.notifications, child)
        if ctx.gcp.budget is not None:
            Budget(ctx, ctx.gcp.budget, self.number, self.notifications.channels, child)
        self.register_outputs({})

    @property
    def _outlet(self) -> Outlet | None:
        return self.network.outlet if self.network is not None else None

    def _all_images(self) -> dict[str, pulumi.Output[str]]:
        settings = self.ctx.settings.image
        build = build_of(settings, IMAGE_PLATFORM)
        return {
            service: ServiceImage(
                ImageArgs(
                    service=service,
                    repository=self.registry.image_repository(service),
                    address=f"{self.registry.location}/{service}",
                    settings=settings,
                    build=build,
                ),
                pulumi.ResourceOptions(parent=self),
            ).reference
            for service in CATALOG.names
        }

    def _door(self, service: Service) -> Door:
        agent = pulumi.Output.format(
            "serviceAccount:service-{0}@gcp-sa-monitoring-notification.iam.gserviceaccount.com", self.number
        )
        # The account itself, not only its name: nobody can be let in before it exists.
        operator = self.identity.member(OPERATIONS)
        return door_of(self.ctx, public=service.public, uptime_agent=agent, operator=operator)

    def _service(self, service: Service) -> GcpService:
        ctx, door, size = self.ctx, self._door(service), self.ctx.gcp.sizes.get(service.name)
        concurrency = size.concurrency if size else None
        callees = [self.services[callee] for callee in callees_of(CATALOG, service.name)]
        args = GcpServiceArgs(
            image=self._images[service.name],
            cpu=size.cpu if size else service.size.gcp_cpu,
            memory_mib=size.memory if size else service.size.gcp_memory_mib,
            concurrency=service.concurrency if concurrency is None else concurrency,
            instances=instances_of(ctx, service),
            environment=self._environment_of(service, door),
            secrets=self.secrets.references_of(service),
            account=self.identity.accounts[service.name].email,
            url=self._url(service),
            ingress=door.ingress,
            check_invokers=door.check_invokers,
            invokers={**self._callers(service), **door.invokers} if door.check_invokers else {},
            outlet=self._outlet,
            after=[*self._ready(service.name), *(self.database.ready if service.uses_store else []), *callees],
        )
        return GcpService(ctx, service, args, pulumi.ResourceOptions(parent=self))

    def _ready(self, account: str) -> list[pulumi.Resource]:
        """What anything that runs as `account` needs."""
        return [*self.identity.grants[account], *(self.network.ready if self.network is not None else [])]

    def _callers(self, service: Service) -> dict[str, pulumi.Input[str]]:
        """Caller -> member, exactly along the catalog's edges."""
        found: dict[str, pulumi.Input[str]] = {
            caller: self.identity.member(caller) for caller in callers_of(CATALOG, service.name)
        }
        for caller in outside_callers_of(CATALOG, service.name):
            if caller in ACCOUNTS_OF_CALLERS:
                found[caller] = self.identity.member(ACCOUNTS_OF_CALLERS[caller])
        return found

    def _url(self, service: Service) -> pulumi.Output[str]:
        return self.ctx.url(service, self.number)

    def _environment_of(self, service: Service, door: Door) -> dict[str, pulumi.Input[str]]:
        common = Common(
            environment=self.ctx.settings.environment.value,
            store=StoreType.FIRESTORE,
            service_auth=ServiceAuth.GOOGLE,
            duties=DutyMode.EXTERNAL,
        )
        variables: dict[str, pulumi.Input[str]] = dict(environment_of(CATALOG, service, common, self._url))
        variables |= trace_variables(self.ctx)
        # Where Cloud Run checks nobody, a token in a header proves nothing: such a service believes no caller.
        believed = callers_with_accounts(self.ctx, CATALOG, service.name) if door.check_invokers else {}
        variables["AEX_SERVICE_URL"] = self._url(service)
        variables["AEX_SERVICE_KEYS"] = pulumi.Output.json_dumps(believed, sort_keys=True)
        if door.proxies:
            variables["TRUSTED_PROXY_HOPS"] = str(door.proxies)
        if service.public:  # a limit is shared by the instances that always run
            variables["GATEWAY_INSTANCES"] = str(max(1, instances_of(self.ctx, service).minimum))
        if service.uses_store:
            variables |= self._database_variables()
        return variables

    def _database_variables(self) -> dict[str, pulumi.Input[str]]:
        return {"FIRESTORE_PROJECT_ID": self.ctx.project, "FIRESTORE_DATABASE": self.database.name}

    def _operations(self) -> Operations:
        environment: dict[str, pulumi.Input[str]] = {
            "ENVIRONMENT": self.ctx.settings.environment.value,
            "STORE_TYPE": StoreType.FIRESTORE.value,
            **self._database_variables(),
        }
        args = OperationsArgs(
            image=self._images["aex-identity"],
            account=self.identity.accounts[OPERATIONS].email,
            exports=self.exports,
            environment=environment,
            outlet=self._outlet,
            after=self._ready(OPERATIONS),
        )
        return Operations(self.ctx, args, pulumi.ResourceOptions(parent=self))

    def outputs(self) -> dict[str, pulumi.Input[object]]:
        """What people, the operator's command and other stacks ask a stack for."""
        outputs: dict[str, pulumi.Input[object]] = {
            "gatewayUrl": self.ingress.url,
            "services": {name: service.url for name, service in sorted(self.services.items())},
            "registry": {name: f"{self.registry.location}/{name}" for name in sorted(CATALOG.names)},
            "images": dict(sorted(self._images.items())),
            "database": self.database.name,
            "operations": self.operations.job.name,
            "exports": self.exports.bucket,
            "names": {name: service.service.name for name, service in sorted(self.services.items())},
            "accounts": {name: account.email for name, account in sorted(self.identity.accounts.items())},
            "dashboard": self.monitoring.dashboard,
            "apiKey": self.secrets.operator_key,
            "projectNumber": self.number,
        }
        if self.ingress.address is not None:
            outputs["loadBalancer"] = self.ingress.address
        return outputs


def build(settings: Settings, values: SecretValues | None = None) -> Mapping[str, pulumi.Input[object]]:
    """Declare the platform and return the stack's outputs for `gcp`."""
    return GcpPlatform(context_of(settings), values=values).outputs()


__all__ = ["GcpPlatform", "build"]
