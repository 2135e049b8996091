"""Tags that change, by the operation that each service has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.engine.standins.aws.kind import AwsKind

Tags = Mapping[str, str]


def _pairs(tags: Tags, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in sorted(tags.items())]


_TAGGERS: Mapping[str, Callable[[Any, Mapping[str, Any], Tags], object]] = {
    "ec2": lambda client, facts, tags: client.create_tags(Resources=[facts["id"]], Tags=_pairs(tags)),
    "elbv2": lambda client, facts, tags: client.add_tags(ResourceArns=[facts["arn"]], Tags=_pairs(tags)),
    "ecs": lambda client, facts, tags: client.tag_resource(resourceArn=facts["arn"], tags=_pairs(tags, "key", "value")),
    "ecr": lambda client, facts, tags: client.tag_resource(resourceArn=facts["arn"], tags=_pairs(tags)),
    "iam": lambda client, facts, tags: client.tag_role(RoleName=facts["name"], Tags=_pairs(tags)),
    "kms": lambda client, facts, tags: client.tag_resource(KeyId=facts["id"], Tags=_pairs(tags, "TagKey", "TagValue")),
    "secretsmanager": lambda client, facts, tags: client.tag_resource(SecretId=facts["id"], Tags=_pairs(tags)),
    "logs": lambda client, facts, tags: client.tag_resource(resourceArn=facts["arn"], tags=dict(tags)),
    "cloudwatch": lambda client, facts, tags: client.tag_resource(ResourceARN=facts["arn"], Tags=_pairs(tags)),
    "sns": lambda client, facts, tags: client.tag_resource(ResourceArn=facts["arn"], Tags=_pairs(tags)),
    "docdb": lambda client, facts, tags: client.add_tags_to_resource(ResourceName=facts["arn"], Tags=_pairs(tags)),
}


def retag(kind: AwsKind, facts: Mapping[str, Any], tags: Any) -> bool:
    """Set the tags (a tag that the program no longer has stays); False where no operation is known for it."""
    tagger = _TAGGERS.get(kind.row.service)
    if tagger is None:
        return False
    tagger(kind.client(), facts, dict(tags or {}))
    return True


__all__ = ["retag"]
