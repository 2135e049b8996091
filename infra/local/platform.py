"""The whole exchange on this machine: a folder, secrets, and ten processes in the order of the call graph.

Everything comes from the catalog; what a stack can change is `agent-exchange:local`. Nothing here talks to the network,
and no port is opened beyond the loopback.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi

from infra.components.catalog import CATALOG
from infra.components.environment import Common, StoreType, environment_of
from infra.components.graph import callees_of, deployment_order
from infra.components.model import Service
from infra.config import Environment, Settings
from infra.config.local import LocalSettings
from infra.local.records import CHECKOUT
from infra.local.resources import Folder
from infra.local.secrets import LocalSecrets
from infra.local.service import LocalService, LocalServiceArgs


class LocalPlatform(pulumi.ComponentResource):
    """Ten services as background processes of this machine."""

    def __init__(self, settings: Settings, local: LocalSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare all of it."""
        super().__init__("agent-exchange:local:Platform", "local", None, opts)
        self._local = local
        self._common = Common(
            # Whatever the stack is for, a service on this machine runs as on a laptop: plain http, private addresses.
            environment=Environment.LOCAL.value,
            store=local.store_type,
            service_auth=local.service_auth,
            duty_interval_seconds=local.duty_interval_seconds,
            log_level=local.log_level.value,
            host=local.host,
        )
        self.path = _folder(settings.stack, local)
        self._folder = Folder(
            "folder",
            path=str(self.path),
            owner=f"{pulumi.get_project()}/{settings.stack}",
            keep=local.keep_data,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.secrets = LocalSecrets(
            "secrets",
            CATALOG,
            folder=self.path,
            rotations=settings.secrets,
            service_auth=local.service_auth,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._folder]),
        )
        self.services: dict[str, LocalService] = {}
        for name in deployment_order(CATALOG):
            self.services[name] = self._service(CATALOG.service(name))
        self.register_outputs({})

    def _service(self, service: Service) -> LocalService:
        args = LocalServiceArgs(
            app=CHECKOUT / "app",
            folder=self.path,
            host=self._local.host,
            port=self._local.resolved_ports[service.name],
            environment={**self._environment_of(service), **self.secrets.environment_of(service)},
            start_timeout=self._local.start_timeout_seconds,
        )
        callees = [self.services[callee] for callee in callees_of(CATALOG, service.name)]
        return LocalService(service, args, pulumi.ResourceOptions(parent=self, depends_on=[self._folder, *callees]))

    def _environment_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        variables: dict[str, pulumi.Input[str]] = dict(
            environment_of(CATALOG, service, self._common, lambda callee: self.services[callee.name].url)
        )
        if service.public:
            variables["RATE_LIMIT_PER_MINUTE"] = str(self._local.rate_limit_per_minute)
        if service.uses_store and self._local.store_type is StoreType.MONGO and self._local.mongo_uri:
            variables["MONGO_URI"] = pulumi.Output.secret(self._local.mongo_uri.get_secret_value())
        return variables

    @property
    def gateway_url(self) -> str:
        """Where clients go."""
        return next(self.services[service.name].url for service in CATALOG.services if service.public)


def build(settings: Settings) -> Mapping[str, pulumi.Input[object]]:
    """Declare the platform and return the stack's outputs for `local`."""
    if settings.local is None:
        raise ValueError("settings of a stack that does not deploy to this machine have no part `local`")
    platform = LocalPlatform(settings, settings.local)
    outputs: dict[str, pulumi.Input[object]] = {
        "gatewayUrl": platform.gateway_url,
        "services": {name: service.url for name, service in sorted(platform.services.items())},
        "logs": str(platform.path / "logs"),
        "data": str(platform.path / "data"),
        "apiKey": platform.secrets.operator_key,
    }
    if platform.secrets.operator_seed is not None:
        outputs["operatorSeed"] = platform.secrets.operator_seed
    return outputs


def _folder(stack: str, local: LocalSettings) -> Path:
    # Relative paths are the checkout's, wherever `pulumi` was called from.
    return (CHECKOUT / (local.directory or f".aex/{stack}")).resolve()


__all__ = ["LocalPlatform", "build"]
