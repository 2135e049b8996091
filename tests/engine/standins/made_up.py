"""Values for computed outputs that nobody has given a form: the same for the same thing, recognisable as made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_origin

from pulumi import _types as sdk

from infra.components.protocol import Plain, PlainProperties

_MOMENT = "2026-01-02T03:04:05.678901Z"


def made_up(key: str, annotation: Any, token: str, facts: PlainProperties) -> Plain:
    """A value for output `key` of a thing of type `token`; `facts` are those of `traits.Formed`."""
    kind = sdk.unwrap_type(annotation)
    if kind is bool:
        return False
    if kind is int or kind is float:
        return 1
    if kind is str:
        return _text(key, token, facts)
    origin = get_origin(kind) or kind
    # Lists of conditions, statuses and the like are empty as long as nobody has given them a form.
    return {} if isinstance(origin, type) and (issubclass(origin, Mapping) or sdk.is_output_type(origin)) else []


def _text(key: str, token: str, facts: PlainProperties) -> str:
    package, module, name = token.split(":")
    small, resource, digits = key.lower(), facts["resource"], facts["hash"]
    place, thing = module.partition("/")[0], name[0].lower() + name[1:]
    if small.endswith("arn"):
        region, account = facts.get("region", "us-east-1"), facts.get("account", "123456789012")
        return f"arn:aws:{place}:{region}:{account}:{thing}/{resource}-{digits}"
    if small.endswith("selflink"):
        project = facts.get("project", "project")
        return f"https://www.googleapis.com/{place}/v1/projects/{project}/{thing}/{resource}-{digits}"
    if small.endswith(("url", "uri", "endpoint")):
        return f"https://{resource}-{digits}.{package}.example"
    if small.endswith("email"):
        return f"{resource}-{digits}@{package}.example"
    if small.endswith(("time", "timestamp", "date")):
        return _MOMENT
    if small.endswith(("etag", "fingerprint", "hash", "uid", "uniqueid")):
        return f"{digits}{digits}"
    return f"made-up-{key}-of-{resource}-{digits}"


__all__ = ["made_up"]
