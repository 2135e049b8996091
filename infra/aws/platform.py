"""The whole exchange on AWS, composed from one component per concern, in the order of the call graph.

Owns the order and what each part gets from the others. Everything else is in the file that is named after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi

from infra.aws.atlas import uri_secret_arn
from infra.aws.budget import Budget
from infra.aws.certificate import zone_id_of
from infra.aws.cluster import Cluster
from infra.aws.context import Context, context_of
from infra.aws.database_users import CA_FILE, DatabaseUsers, user_name
from infra.aws.encryption import Encryption
from infra.aws.exports import Exports
from infra.aws.firewall import Firewall
from infra.aws.foundation import PART, Foundation, own_foundation, shared_foundation
from infra.aws.identity import OPERATIONS, Identity
from infra.aws.ingress import Ingress, IngressArgs, listening_ports
from infra.aws.monitoring import Monitoring, Watched
from infra.aws.notifications import Notifications
from infra.aws.operations import Operations, OperationsArgs
from infra.aws.registry import Registry, repository_address
from infra.aws.scaling import Scaling, tasks_of
from infra.aws.secrets import Secrets
from infra.aws.security_groups import SecurityGroups, Surroundings
from infra.aws.service import AwsService, AwsServiceArgs, service_url
from infra.components.catalog import CATALOG
from infra.components.environment import Common, ServiceAuth, StoreType, environment_of
from infra.components.graph import callees_of, deployment_order
from infra.components.image import ImageArgs, ServiceImage, build_of
from infra.components.model import Service
from infra.components.secret_values import SecretValues
from infra.config import Settings
from infra.config.aws import Architecture, Database
from infra.config.aws import Firewall as FirewallMode

_IMAGE_PLATFORMS = {Architecture.X86_64: "linux/amd64", Architecture.ARM64: "linux/arm64"}


class AwsPlatform(pulumi.ComponentResource):
    """Ten services on Fargate, and what they stand on."""

    def __init__(
        self, ctx: Context, opts: pulumi.ResourceOptions | None = None, values: SecretValues | None = None
    ) -> None:
        """Declare all of it."""
        # What may be missing is looked up before anything is declared.
        zone_id = zone_id_of(ctx, ctx.aws.domain) if ctx.aws.domain else None
        uri_secret = uri_secret_arn(ctx) if ctx.aws.database.kind is Database.ATLAS else None
        super().__init__("agent-exchange:aws:Platform", "aws", None, opts)
        self.ctx, self._uri_secret = ctx, uri_secret
        child = pulumi.ResourceOptions(parent=self)
        self._key = Encryption(ctx, child).arn
        self.foundation = self._foundation()
        self.registry = Registry(ctx, CATALOG.names, self._key, child)
        self.secrets = Secrets(ctx, CATALOG, self._key, child, values)
        endpoint = self.foundation.database_endpoint
        self.users = DatabaseUsers(ctx, CATALOG, endpoint, self._key, child) if endpoint is not None else None
        self.identity = Identity(ctx, CATALOG, self._key, extra_secrets=self._database_secrets(), opts=child)
        self.groups = SecurityGroups(ctx, CATALOG, self._surroundings(), child)
        self.cluster = Cluster(ctx, self._key, child)
        self.topic = Notifications(ctx, self._key, child)
        public = next(service for service in CATALOG.services if service.public)
        self.ingress = Ingress(
            ctx,
            IngressArgs(
                service=public,
                place=self.foundation.place,
                security_group=self.groups.load_balancer.id,
                zone_id=zone_id,
            ),
            child,
        )
        if ctx.aws.firewall is not FirewallMode.OFF:
            Firewall(ctx, self.ingress.balancer.arn, self._key, child)
        self._images = self._all_images()
        self.exports = Exports(ctx, self._key, child)
        self.operations = self._operations()
        self.services: dict[str, AwsService] = {}
        for name in deployment_order(CATALOG):
            self.services[name] = self._service(CATALOG.service(name))
        self._scaling()
        self.monitoring = self._monitoring()
        if ctx.aws.budget is not None:
            Budget(ctx, ctx.aws.budget, self.topic.arn, child)
        self.register_outputs({})

    def _foundation(self) -> Foundation:
        if self.ctx.aws.database.kind is Database.SHARED:
            return shared_foundation(self.ctx, self)
        return own_foundation(self.ctx, self._key, self)

    def _surroundings(self) -> Surroundings:
        found = self.foundation
        return Surroundings(
            vpc_id=found.place.vpc_id,
            s3_prefix_list=found.s3_prefix_list,
            endpoints=found.endpoints,
            database=found.database_group,
            atlas_cidr=found.atlas_cidr,
            clients=listening_ports(self.ctx),
        )

    def _database_secrets(self) -> list[pulumi.Input[str]]:
        """What tasks take references to, beyond the catalog's secrets."""
        if self._uri_secret is not None:
            return [self._uri_secret]
        return [secret.arn for secret in self.users.secrets.values()] if self.users is not None else []

    def _all_images(self) -> dict[str, pulumi.Output[str]]:
        ctx, settings = self.ctx, self.ctx.settings.image
        build = build_of(settings, _IMAGE_PLATFORMS[ctx.aws.architecture])
        return {
            service: ServiceImage(
                ImageArgs(
                    service=service,
                    repository=self.registry.repositories[service].repository_url,
                    address=repository_address(ctx, service),
                    settings=settings,
                    build=build,
                ),
                pulumi.ResourceOptions(parent=self),
            ).reference
            for service in CATALOG.names
        }

    def _operations(self) -> Operations:
        """Operators' one-off task: after all that it talks to, before all that log in to the database."""
        users, master = self.users, self.foundation.master_secret_arn
        references: dict[str, pulumi.Input[str]] = {}
        environment: dict[str, pulumi.Input[str]] = {"ENVIRONMENT": self.ctx.settings.environment.value}
        secrets: list[pulumi.Input[str]] = []
        if users is not None and master is not None and self.foundation.database_endpoint is not None:
            environment |= {
                "MONGO_HOST": self.foundation.database_endpoint,
                "MONGO_CA_FILE": CA_FILE,
                "MONGO_ADMIN_SECRET_ARN": master,
                "DATABASE_USERS": users.wanted(),
            }
            secrets = [master, *(secret.arn for secret in users.secrets.values())]
        elif self._uri_secret is not None:
            # On Atlas one user reaches all databases; the commands learn from this which is whose.
            databases = {
                service.name: {"database": user_name(self.ctx, service.name)}
                for service in CATALOG.services
                if service.uses_store
            }
            environment |= {
                "STORE_TYPE": StoreType.MONGO.value,
                "DATABASE_USERS": json.dumps(databases, sort_keys=True),
            }
            references["MONGO_URI"] = self._uri_secret
        return Operations(
            self.ctx,
            OperationsArgs(
                image=self._images["aex-identity"],
                key=self._key,
                execution_role=self.identity.execution.arn,
                security_group=self.groups.operations.id,
                place=self.foundation.place,
                environment=environment,
                references=references,
                secrets=secrets,
                after=[*self.foundation.ready, self.groups, self.cluster, self.secrets, self.exports],
                users=users is not None,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _service(self, service: Service) -> AwsService:
        ctx, door = self.ctx, self.ingress
        size = ctx.aws.sizes.get(service.name)
        after: list[pulumi.Resource] = [*self.foundation.ready, self.groups, self.cluster, self.secrets]
        after += [self.operations, *(self.services[callee] for callee in callees_of(CATALOG, service.name))]
        if service.public:
            after.append(door)
        args = AwsServiceArgs(
            image=self._images[service.name],
            cpu=size.cpu if size else service.size.aws_cpu,
            memory_mb=size.memory if size else service.size.aws_memory_mb,
            tasks=tasks_of(ctx, service),
            environment=self._environment_of(service),
            secrets=self._references_of(service),
            execution_role=self.identity.execution.arn,
            task_role=self.identity.tasks[service.name].arn,
            security_group=self.groups.services[service.name].id,
            subnets=self.foundation.place.private_subnets,
            cluster=self.cluster.cluster.arn,
            namespace=self.cluster.namespace.arn,
            key=self._key,
            topic=self.topic.arn,
            target_group=door.target_group.arn if service.public else None,
            door=door.door if service.public else None,
            after=after,
            before=self.operations.before_services if service.uses_store else None,
        )
        return AwsService(ctx, service, args, pulumi.ResourceOptions(parent=self))

    def _environment_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        common = Common(
            environment=self.ctx.settings.environment.value,
            store=StoreType.MONGO,
            service_auth=ServiceAuth.TOKEN,
        )
        variables: dict[str, pulumi.Input[str]] = dict(environment_of(CATALOG, service, common, service_url))
        variables |= self.secrets.variables_of(service)
        if service.public:
            # The balancer adds one address to X-Forwarded-For; a limit is shared by the tasks that always run.
            variables["TRUSTED_PROXY_HOPS"] = "1"
            variables["GATEWAY_INSTANCES"] = str(max(1, tasks_of(self.ctx, service).minimum))
        if self.users is not None:
            variables |= self.users.variables_of(service)
        elif service.uses_store:
            variables["MONGO_DB"] = user_name(self.ctx, service.name)
        return variables

    def _references_of(self, service: Service) -> dict[str, pulumi.Input[str]]:
        references = self.secrets.references_of(service)
        if self.users is not None:
            references |= self.users.references_of(service)
        elif service.uses_store and self._uri_secret is not None:
            references["MONGO_URI"] = self._uri_secret
        return references

    def _scaling(self) -> None:
        for name, deployed in self.services.items():
            service, tasks = CATALOG.service(name), tasks_of(self.ctx, CATALOG.service(name))
            if tasks.fixed:
                continue
            door = self.ingress.door
            label = pulumi.Output.concat(door.balancer, "/", door.target_group) if service.public else None
            child = pulumi.ResourceOptions(parent=self)
            Scaling(self.ctx, service, tasks, deployed, requests_label=label, opts=child)

    def _monitoring(self) -> Monitoring:
        watched = Watched(
            services=self.services,
            door=self.ingress.door,
            database=self.foundation.own_database,
            nat_gateways=self.foundation.nat_gateways,
        )
        return Monitoring(self.ctx, CATALOG, watched, self.topic.arn, pulumi.ResourceOptions(parent=self))

    def outputs(self) -> dict[str, pulumi.Input[object]]:
        """What people, the operator's command and other stacks ask a stack for."""
        endpoint = self.foundation.database_endpoint
        return {
            "gatewayUrl": self.ingress.url,
            "loadBalancer": self.ingress.balancer.dns_name,
            "services": {name: service.url for name, service in sorted(self.services.items())},
            "registry": {name: each.repository_url for name, each in sorted(self.registry.repositories.items())},
            "images": dict(sorted(self._images.items())),
            "database": endpoint if endpoint is not None else "atlas",
            "names": {name: service.service.name for name, service in sorted(self.services.items())},
            "cluster": self.cluster.cluster.name,
            "operations": self.operations.definition.arn,
            "operationsNetwork": {
                "subnets": list(self.foundation.place.private_subnets),
                "securityGroup": self.groups.operations.id,
            },
            "exports": self.exports.bucket,
            "logs": {
                **{name: service.log_group.name for name, service in sorted(self.services.items())},
                OPERATIONS: self.operations.log_group.name,
            },
            "roles": {
                "execution": self.identity.execution.arn,
                **{name: each.arn for name, each in sorted(self.identity.tasks.items())},
            },
            "dashboard": self.monitoring.dashboard,
            "alarms": self.topic.arn,
            "apiKey": self.secrets.operator_key,
            "operatorSeed": self.secrets.operator_seed,
            PART: self.foundation.outputs(),
        }


def build(settings: Settings, values: SecretValues | None = None) -> Mapping[str, pulumi.Input[object]]:
    """Declare the platform and return the stack's outputs for `aws`."""
    return AwsPlatform(context_of(settings), values=values).outputs()


__all__ = ["AwsPlatform", "build"]
