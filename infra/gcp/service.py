"""One service of the exchange on Cloud Run: revision template, scaling, traffic, and who may call it.

Owns how a service runs and is replaced, and its invokers. Does not own its account and secrets, nor the way to the
gateway (`ingress.py`). Addresses are formed from names (`Context.url`), so that no service waits for another's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.catalog import HEALTH_PATH
from infra.components.environment import PORT_VARIABLE
from infra.components.model import Service
from infra.components.naming import Kind
from infra.components.sizing import cloud_run_generation, cloud_run_memory, cloud_run_problem
from infra.config.gcp import LATEST
from infra.gcp.context import Context
from infra.gcp.iam import invoker
from infra.gcp.network import Outlet
from infra.gcp.scaling import Instances

LONGEST_REQUEST_SECONDS: Final = 60
"""What a request, or a round of duties, may take at most."""

GRACE_SECONDS: Final = 8
"""How long a service finishes what it has begun after SIGTERM: Cloud Run kills after ten."""

_STARTUP_SECONDS: Final = 120
"""What a start may take. Direct egress needs up to a minute until the network is there; Cloud Run allows 240."""

_DEPLOY_TIMEOUT: Final = "20m"

INTERNAL: Final = "INGRESS_TRAFFIC_INTERNAL_ONLY"
LOAD_BALANCER: Final = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
OPEN: Final = "INGRESS_TRAFFIC_ALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpServiceArgs:
    """What the platform knows and the catalog does not."""

    image: pulumi.Input[str]
    """By digest."""
    cpu: int
    memory_mib: int
    concurrency: int
    instances: Instances
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, tuple[pulumi.Input[str], pulumi.Input[str]]]
    """Variable -> (secret, version number)."""
    account: pulumi.Input[str]
    url: pulumi.Output[str]
    ingress: str
    invokers: Mapping[str, pulumi.Input[str]]
    """Who may call it: a name for the membership -> member."""
    check_invokers: bool = True
    """Whether Cloud Run asks IAM. Off only for a gateway whose own keys are the authentication."""
    outlet: Outlet | None = None
    after: Sequence[pulumi.Resource] = ()
    """What has to be there first, and may go only afterwards: permissions, network, indexes, callees."""

    def __post_init__(self) -> None:
        """Refuse a size that Cloud Run does not have, and a version that is not pinned."""
        problem = cloud_run_problem(self.cpu, self.memory_mib, self.concurrency)
        if problem:
            raise ValueError(problem)
        if isinstance(self.image, str) and "@sha256:" not in self.image:
            raise ValueError(f"image {self.image!r} can change under a revision: name it by digest, as in x@sha256:...")
        if self.ingress not in (INTERNAL, LOAD_BALANCER, OPEN):
            raise ValueError(f"Cloud Run has no ingress {self.ingress!r}: use {INTERNAL}, {LOAD_BALANCER} or {OPEN}")
        if any(isinstance(version, str) and version == LATEST for _, version in self.secrets.values()):
            raise ValueError("a secret is read as `latest`: pin the number of a version")
        if not self.check_invokers and self.invokers:
            raise ValueError("invokers are named and not checked: leave one of the two out")


class GcpService(pulumi.ComponentResource):
    """Runs one service of the catalog."""

    service: gcp.cloudrunv2.Service
    url: pulumi.Output[str]
    """Base URL, and the audience of tokens for it."""

    def __init__(self, ctx: Context, service: Service, args: GcpServiceArgs, opts: pulumi.ResourceOptions) -> None:
        """Deploy the service."""
        super().__init__("agent-exchange:gcp:Service", service.name, None, opts)
        self._ctx, self._of, self._args = ctx, service, args
        self.url = args.url
        self.service = self._service()
        for name, member in sorted(args.invokers.items()):
            invoker(ctx, f"{name}-calls-{service.name}", self.service, member, parent=self)
        self.register_outputs({"url": self.url})

    def _service(self) -> gcp.cloudrunv2.Service:
        ctx, args, name = self._ctx, self._args, self._of.name
        return gcp.cloudrunv2.Service(
            name,
            name=ctx.name(name, Kind.CLOUD_RUN),
            location=ctx.region,
            description=self._of.description,
            ingress=args.ingress,
            invoker_iam_disabled=not args.check_invokers,
            default_uri_disabled=False,
            launch_stage="GA",
            # The provider's default is true, which blocks every destroy and many replacements.
            deletion_protection=ctx.protect,
            scaling=_service_scaling(args.instances),
            template=self._template(),
            traffics=_traffic(ctx.gcp.traffic.get(name, {LATEST: 100})),
            labels=ctx.labels(service=name),
            opts=pulumi.ResourceOptions.merge(
                # On the resource itself: a teardown does not know what a component waited for.
                ctx.child(self, after=args.after),
                pulumi.ResourceOptions(
                    custom_timeouts=pulumi.CustomTimeouts(create=_DEPLOY_TIMEOUT, update=_DEPLOY_TIMEOUT)
                ),
            ),
        )

    def _template(self) -> gcp.cloudrunv2.ServiceTemplateArgs:
        ctx, args, name = self._ctx, self._args, self._of.name
        restart = ctx.gcp.restart.get(name)
        return gcp.cloudrunv2.ServiceTemplateArgs(
            service_account=args.account,
            execution_environment=cloud_run_generation(args.memory_mib).value,
            max_instance_request_concurrency=args.concurrency,
            timeout=f"{LONGEST_REQUEST_SECONDS}s",
            session_affinity=False,
            scaling=None
            if args.instances.fixed
            else gcp.cloudrunv2.ServiceTemplateScalingArgs(max_instance_count=args.instances.maximum),
            vpc_access=_vpc_access(args.outlet),
            # A change makes a new revision, and so a restart.
            annotations={"agent-exchange/restart": restart} if restart else None,
            labels=ctx.labels(service=name),
            containers=[self._container()],
        )

    def _container(self) -> gcp.cloudrunv2.ServiceTemplateContainerArgs:
        args, service = self._args, self._of
        return gcp.cloudrunv2.ServiceTemplateContainerArgs(
            name=service.short_name,
            image=args.image,
            commands=["python"],
            args=["-m", "aex", "serve", service.name],
            ports=gcp.cloudrunv2.ServiceTemplateContainerPortsArgs(name="http1", container_port=service.port),
            envs=_variables({**args.environment, "SHUTDOWN_GRACE_SECONDS": str(GRACE_SECONDS)}, args.secrets),
            resources=gcp.cloudrunv2.ServiceTemplateContainerResourcesArgs(
                limits={"cpu": str(args.cpu), "memory": cloud_run_memory(args.memory_mib)},
                # Billed while it serves. Left out, CPU would be allocated always once `resources` is there.
                cpu_idle=True,
                startup_cpu_boost=True,
            ),
            startup_probe=gcp.cloudrunv2.ServiceTemplateContainerStartupProbeArgs(
                http_get=gcp.cloudrunv2.ServiceTemplateContainerStartupProbeHttpGetArgs(
                    path=HEALTH_PATH, port=service.port
                ),
                period_seconds=2,
                timeout_seconds=1,
                failure_threshold=_STARTUP_SECONDS // 2,
            ),
            liveness_probe=gcp.cloudrunv2.ServiceTemplateContainerLivenessProbeArgs(
                http_get=gcp.cloudrunv2.ServiceTemplateContainerLivenessProbeHttpGetArgs(
                    path=HEALTH_PATH, port=service.port
                ),
                period_seconds=15,
                timeout_seconds=5,
                failure_threshold=4,
            ),
        )


def _variables(
    plain: Mapping[str, pulumi.Input[str]], secrets: Mapping[str, tuple[pulumi.Input[str], pulumi.Input[str]]]
) -> list[gcp.cloudrunv2.ServiceTemplateContainerEnvArgs]:
    """All variables, sorted, so that a second deployment changes nothing. Cloud Run sets the port by itself."""
    env = gcp.cloudrunv2.ServiceTemplateContainerEnvArgs
    source = gcp.cloudrunv2.ServiceTemplateContainerEnvValueSourceArgs
    reference = gcp.cloudrunv2.ServiceTemplateContainerEnvValueSourceSecretKeyRefArgs
    found = {name: env(name=name, value=value) for name, value in plain.items() if name != PORT_VARIABLE}
    for name, (secret, version) in secrets.items():
        found[name] = env(name=name, value_source=source(secret_key_ref=reference(secret=secret, version=version)))
    return [found[name] for name in sorted(found)]


def _service_scaling(instances: Instances) -> gcp.cloudrunv2.ServiceScalingArgs:
    """The floor is the service's, not a revision's, or a split of traffic would double it."""
    if instances.fixed:
        return gcp.cloudrunv2.ServiceScalingArgs(scaling_mode="MANUAL", manual_instance_count=instances.minimum)
    return gcp.cloudrunv2.ServiceScalingArgs(scaling_mode="AUTOMATIC", min_instance_count=instances.minimum)


def _traffic(shares: Mapping[str, int]) -> list[gcp.cloudrunv2.ServiceTrafficArgs]:
    """Who gets nothing is left out: Cloud Run takes a share of zero only from a target that has a tag."""
    return [
        gcp.cloudrunv2.ServiceTrafficArgs(type="TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent=percent)
        if revision == LATEST
        else gcp.cloudrunv2.ServiceTrafficArgs(
            type="TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision=revision, percent=percent
        )
        for revision, percent in sorted(shares.items())
        if percent
    ]


def _vpc_access(outlet: Outlet | None) -> gcp.cloudrunv2.ServiceTemplateVpcAccessArgs | None:
    if outlet is None:
        return None
    if outlet.connector is not None:
        return gcp.cloudrunv2.ServiceTemplateVpcAccessArgs(connector=outlet.connector, egress=outlet.egress)
    return gcp.cloudrunv2.ServiceTemplateVpcAccessArgs(
        egress=outlet.egress,
        network_interfaces=[
            gcp.cloudrunv2.ServiceTemplateVpcAccessNetworkInterfaceArgs(
                network=outlet.network, subnetwork=outlet.subnetwork
            )
        ],
    )


__all__ = ["GRACE_SECONDS", "INTERNAL", "LOAD_BALANCER", "OPEN", "GcpService", "GcpServiceArgs"]
