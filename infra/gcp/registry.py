"""The Artifact Registry repository of a stack's images, and what it throws away.

What a revision runs must never be thrown away, however old it is: a split of traffic may stay for a year. So nothing
that has a tag goes. Images that are built here keep the tag of their content for ever; prebuilt ones may have no tag at
all, so nothing of them is cleaned up. Nothing trusts a tag, since revisions pin digests. Does not own the images
(`components/image.py`).
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.config.general import ImageSource
from infra.gcp.context import Context

REPOSITORY: Final = "aex"
KEPT_VERSIONS: Final = 20
"""Of each image, even untagged ones."""
_DAY_SECONDS: Final = 86400


class Registry(pulumi.ComponentResource):
    """One repository that holds the ten images."""

    repository: gcp.artifactregistry.Repository
    location: str
    """`<region>-docker.pkg.dev/<project>/<repository>`, to which `/<service>` is appended."""

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the repository."""
        super().__init__("agent-exchange:gcp:Registry", "registry", None, opts)
        name = ctx.name(REPOSITORY, Kind.ARTIFACT_REPOSITORY)
        built = ctx.settings.image.source is ImageSource.BUILD
        self.repository = gcp.artifactregistry.Repository(
            REPOSITORY,
            repository_id=name,
            location=ctx.region,
            format="DOCKER",
            mode="STANDARD_REPOSITORY",
            description="Images of Agent Exchange",
            # A build may push a tag again; what a pipeline has put here under a release's name stays what it is.
            docker_config=gcp.artifactregistry.RepositoryDockerConfigArgs(immutable_tags=not built),
            cleanup_policies=_cleanup_policies() if built else [],
            cleanup_policy_dry_run=False,
            vulnerability_scanning_config=gcp.artifactregistry.RepositoryVulnerabilityScanningConfigArgs(
                enablement_config="INHERITED"
            ),
            labels=ctx.labels(),
            # Deleting a repository deletes its images; a protected one is refused by the engine.
            opts=ctx.stateful(self),
        )
        self.location = f"{ctx.region}-docker.pkg.dev/{ctx.project}/{name}"
        self.register_outputs({"location": self.location})

    def image_repository(self, service: str) -> pulumi.Output[str]:
        """Where the image of `service` is pushed to; known only once the repository is there."""
        return self.repository.name.apply(lambda _: f"{self.location}/{service}")


def _cleanup_policies() -> list[gcp.artifactregistry.RepositoryCleanupPolicyArgs]:
    """Keeping wins over deleting, whatever the order."""
    policy = gcp.artifactregistry.RepositoryCleanupPolicyArgs
    condition = gcp.artifactregistry.RepositoryCleanupPolicyConditionArgs
    return [
        policy(
            id="delete-untagged",
            action="DELETE",
            condition=condition(tag_state="UNTAGGED", older_than=f"{90 * _DAY_SECONDS}s"),
        ),
        policy(
            id="keep-recent",
            action="KEEP",
            most_recent_versions=gcp.artifactregistry.RepositoryCleanupPolicyMostRecentVersionsArgs(
                keep_count=KEPT_VERSIONS
            ),
        ),
    ]


__all__ = ["REPOSITORY", "Registry"]
