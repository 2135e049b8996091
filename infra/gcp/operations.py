"""The job of operators: checks, export and import, where the data is, under an account of its own.

Its account is the catalog's caller `operator`: it may look at every service and reach the database. Does not own the
bucket of exports, which it has as a folder (`exports.py`). A run takes other arguments than the job's own:

    gcloud run jobs execute aex-operations --region REGION --args=-m,aex,export,/exports/today.jsonl
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.image import USER_ID
from infra.components.naming import Kind
from infra.gcp.context import OPERATIONS, Context
from infra.gcp.exports import FOLDER, Exports
from infra.gcp.network import Outlet

CHECK: Final = ("-m", "aex", "check")
_TIMEOUT_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsArgs:
    """What the job works with."""

    image: pulumi.Input[str]
    account: pulumi.Input[str]
    exports: Exports
    environment: Mapping[str, pulumi.Input[str]]
    outlet: Outlet | None
    after: Sequence[pulumi.Resource] = ()
    """What has to be there first: permissions, network."""

    def __post_init__(self) -> None:
        """Refuse a job that could not find its data, and an image that can change under it."""
        missing = sorted({"STORE_TYPE", "FIRESTORE_PROJECT_ID", "FIRESTORE_DATABASE"} - set(self.environment))
        if missing:
            raise ValueError(f"the operators' job has no database: add {', '.join(missing)} to its environment")
        if isinstance(self.image, str) and "@sha256:" not in self.image:
            raise ValueError(f"image {self.image!r} can change under the job: name it by digest, as in x@sha256:...")


class Operations(pulumi.ComponentResource):
    """The job."""

    job: gcp.cloudrunv2.Job

    def __init__(self, ctx: Context, args: OperationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the job; nothing runs until somebody starts it."""
        super().__init__("agent-exchange:gcp:Operations", "operations", None, opts)
        self._ctx = ctx
        self.job = self._job(args)
        self.register_outputs({"job": self.job.name})

    def _job(self, args: OperationsArgs) -> gcp.cloudrunv2.Job:
        ctx = self._ctx
        env = gcp.cloudrunv2.JobTemplateTemplateContainerEnvArgs
        volume = "exports"
        return gcp.cloudrunv2.Job(
            OPERATIONS,
            name=ctx.name(OPERATIONS, Kind.CLOUD_RUN),
            location=ctx.region,
            launch_stage="GA",
            deletion_protection=ctx.protect,
            labels=ctx.labels(),
            template=gcp.cloudrunv2.JobTemplateArgs(
                task_count=1,
                labels=ctx.labels(),
                template=gcp.cloudrunv2.JobTemplateTemplateArgs(
                    service_account=args.account,
                    execution_environment="EXECUTION_ENVIRONMENT_GEN2",
                    # What went wrong once is looked at before it is done again.
                    max_retries=0,
                    timeout=f"{_TIMEOUT_SECONDS}s",
                    vpc_access=_vpc_access(args.outlet),
                    volumes=[
                        gcp.cloudrunv2.JobTemplateTemplateVolumeArgs(
                            name=volume,
                            gcs=gcp.cloudrunv2.JobTemplateTemplateVolumeGcsArgs(
                                bucket=args.exports.bucket,
                                read_only=False,
                                # Otherwise the files are root's, and the image's user may not write.
                                mount_options=[f"uid={USER_ID}", f"gid={USER_ID}"],
                            ),
                        )
                    ],
                    containers=[
                        gcp.cloudrunv2.JobTemplateTemplateContainerArgs(
                            name="operations",
                            image=args.image,
                            commands=["python"],
                            args=list(CHECK),
                            envs=[env(name=name, value=args.environment[name]) for name in sorted(args.environment)],
                            volume_mounts=[
                                gcp.cloudrunv2.JobTemplateTemplateContainerVolumeMountArgs(
                                    name=volume, mount_path=FOLDER
                                )
                            ],
                            resources=gcp.cloudrunv2.JobTemplateTemplateContainerResourcesArgs(
                                limits={"cpu": "1", "memory": "1Gi"}
                            ),
                        )
                    ],
                ),
            ),
            opts=ctx.child(self, after=[*args.exports.ready, *args.after]),
        )


def _vpc_access(outlet: Outlet | None) -> gcp.cloudrunv2.JobTemplateTemplateVpcAccessArgs | None:
    if outlet is None:
        return None
    if outlet.connector is not None:
        return gcp.cloudrunv2.JobTemplateTemplateVpcAccessArgs(connector=outlet.connector, egress=outlet.egress)
    return gcp.cloudrunv2.JobTemplateTemplateVpcAccessArgs(
        egress=outlet.egress,
        network_interfaces=[
            gcp.cloudrunv2.JobTemplateTemplateVpcAccessNetworkInterfaceArgs(
                network=outlet.network, subnetwork=outlet.subnetwork
            )
        ],
    )


__all__ = ["CHECK", "Operations", "OperationsArgs"]
