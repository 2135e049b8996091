"""One image repository a service: scanned, encrypted, with tags that never move.

Owns the repositories and their clean-up. What is tagged as deployed is never cleaned up, however old (`deployed.py`
sets the tags); of the rest the newest thirty stay, enough to go back for weeks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.components.image import DEPLOYED_TAG
from infra.components.naming import Kind

KEPT_IMAGES: Final = 30
_NO_LIMIT: Final = 1000
"""An image that an earlier rule speaks for is left alone by later ones; this many are never reached."""


class Registry(pulumi.ComponentResource):
    """Repositories by service."""

    repositories: dict[str, aws.ecr.Repository]

    def __init__(
        self, ctx: Context, services: Sequence[str], key: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare a repository for each of `services`."""
        super().__init__("agent-exchange:aws:Registry", "registry", None, opts)
        if not services or len(set(services)) != len(services):
            raise ValueError(f"repositories for {list(services)}: name at least one service, and each once")
        self.repositories = {service: self._repository(ctx, service, key) for service in services}
        self.register_outputs({})

    def _repository(self, ctx: Context, service: str, key: pulumi.Input[str]) -> aws.ecr.Repository:
        repository = aws.ecr.Repository(
            service,
            name=repository_name(ctx, service),
            image_tag_mutability="IMMUTABLE_WITH_EXCLUSION",
            image_tag_mutability_exclusion_filters=[
                aws.ecr.RepositoryImageTagMutabilityExclusionFilterArgs(
                    filter=f"{DEPLOYED_TAG}*", filter_type="WILDCARD"
                )
            ],
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key)
            ],
            # Without it, a teardown stops at the first repository that has an image.
            force_delete=not ctx.protect,
            tags=ctx.tags(service=service),
            opts=ctx.stateful(self),
        )
        aws.ecr.LifecyclePolicy(
            service,
            repository=repository.name,
            policy=json.dumps({"rules": _rules()}, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return repository


def repository_name(ctx: Context, service: str) -> str:
    """`agent-exchange/<service>`, as the guide has it."""
    return ctx.name(f"agent-exchange/{service}", Kind.ECR_REPOSITORY)


def repository_address(ctx: Context, service: str) -> str:
    """Where the repository of `service` is, known before it is there."""
    domain = "amazonaws.com.cn" if ctx.partition == "aws-cn" else "amazonaws.com"
    return f"{ctx.account}.dkr.ecr.{ctx.region}.{domain}/{repository_name(ctx, service)}"


def _rules() -> list[dict[str, object]]:
    return [
        _rule(1, "Keep what is deployed", _NO_LIMIT, tagStatus="tagged", tagPrefixList=[DEPLOYED_TAG]),
        _rule(2, f"Keep the newest {KEPT_IMAGES}", KEPT_IMAGES, tagStatus="any"),
    ]


def _rule(priority: int, description: str, count: int, **selection: object) -> dict[str, object]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": {**selection, "countType": "imageCountMoreThan", "countNumber": count},
        "action": {"type": "expire"},
    }


__all__ = ["KEPT_IMAGES", "Registry", "repository_address", "repository_name"]
