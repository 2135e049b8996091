"""What Cloud Run says of the ten services: what takes the requests, what ran before, and why a revision failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, physical_name
from infra.ops.clouds.answers import Json, first, inside, items, last, number, text
from infra.ops.clouds.gcp_api import GcpApi
from infra.ops.clouds.side_by_side import at_once
from infra.ops.faults import OpsError
from infra.ops.model import Health, ServiceState, Version

_MINUTES: Final = 5
"""How far back instances are counted: Cloud Monitoring is up to four minutes late."""
_SUCCEEDED: Final = "CONDITION_SUCCEEDED"
_FAILED: Final = "CONDITION_FAILED"
_MOST_VERSIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Region:
    """A stack in a project and a region."""

    api: GcpApi
    stack: str
    region: str

    @property
    def parent(self) -> str:
        """Where Cloud Run keeps the stack's services and jobs."""
        return f"projects/{self.api.project}/locations/{self.region}"

    def service(self, name: str) -> str:
        """The whole name of a service of the catalog."""
        return f"{self.parent}/services/{run_name(name, self.stack)}"


def run_name(service: str, stack: str) -> str:
    """The name of a service on Cloud Run."""
    return physical_name(service, stack, Kind.CLOUD_RUN)


def states(place: Region) -> list[ServiceState]:
    """The ten services, in the catalog's order."""
    listed = place.api.pages("run", f"v2/{place.parent}/services", "services")
    found = {last(text(each, "name")): each for each in listed}
    counts = _instances(place)
    return at_once(lambda name: _state(place, name, found.get(run_name(name, place.stack)), counts), CATALOG.names)


def versions(place: Region, service: str) -> list[Version]:
    """The revisions of a service that could take requests, the newest first; `current` takes most of them now."""
    described = place.api.get("run", f"v2/{place.service(service)}")
    now = max(shares(described).items(), key=lambda each: each[1], default=("", 0))[0]
    revisions = place.api.pages("run", f"v2/{place.service(service)}/revisions", "revisions")
    ready = [each for each in revisions if _condition(each, "Ready").get("state") == _SUCCEEDED]
    ready.sort(key=lambda each: text(each, "createTime"), reverse=True)
    return [
        Version(name, _digest(each), _time(each, "createTime"), current=name == now)
        for each in ready[:_MOST_VERSIONS]
        for name in [last(text(each, "name"))]
    ]


def shares(service: Json) -> dict[str, int]:
    """Revision -> per cent of the requests, `latest` resolved."""
    latest, found = last(text(service, "latestReadyRevision")), dict[str, int]()
    for each in items(service, "trafficStatuses"):
        name = text(each, "revision") or latest
        found[name] = found.get(name, 0) + number(each, "percent")
    return {name: percent for name, percent in found.items() if percent}


def _state(place: Region, name: str, service: Json | None, counts: Mapping[str, int] | None) -> ServiceState:
    if service is None:
        return ServiceState(service=name, running=0, health=Health.MISSING, reason="Cloud Run does not know it")
    taken = shares(service)
    serving = max(taken, key=lambda each: taken[each], default="")
    run = last(text(service, "name"))
    return ServiceState(
        service=name,
        revision=", ".join(f"{each} {percent} %" for each, percent in taken.items()) if len(taken) > 1 else serving,
        running=None if counts is None else counts.get(run, 0),
        desired=_desired(service),
        health=_health(service, taken),
        digest=_serving_digest(place, service, serving),
        deployed=_time(service, "updateTime"),
        reason=_last_failure(place, service),
    )


def _desired(service: Json) -> str:
    scaling = inside(service, "scaling")
    if text(scaling, "scalingMode") == "MANUAL":
        return str(number(scaling, "manualInstanceCount"))
    most = number(inside(service, "template", "scaling"), "maxInstanceCount")
    return f"{number(scaling, 'minInstanceCount')}-{most or 'any'}"


def _health(service: Json, taken: Mapping[str, int]) -> Health:
    state = text(inside(service, "terminalCondition"), "state")
    if state == _SUCCEEDED:
        return Health.HEALTHY
    if service.get("reconciling") is True or state in ("CONDITION_PENDING", "CONDITION_RECONCILING"):
        return Health.DEPLOYING
    # A revision failed; whether anybody notices depends on whether another one takes the requests.
    return Health.UNHEALTHY if taken else Health.STOPPED


def _serving_digest(place: Region, service: Json, serving: str) -> str:
    if not serving or serving == last(text(service, "latestCreatedRevision")):
        return _digest(inside(service, "template"))
    try:
        return _digest(place.api.get("run", f"v2/{text(service, 'name')}/revisions/{serving}"))
    except OpsError:
        return ""


def _last_failure(place: Region, service: Json) -> str:
    created, ready = text(service, "latestCreatedRevision"), text(service, "latestReadyRevision")
    terminal = inside(service, "terminalCondition")
    said = text(terminal, "message") if text(terminal, "state") == _FAILED else ""
    if not created or created == ready:
        return said
    try:
        condition = _condition(place.api.get("run", f"v2/{created}"), "Ready")
    except OpsError:
        return said
    if condition.get("state") != _FAILED:
        return said
    return f"{last(created)}: {text(condition, 'message') or text(condition, 'reason')}"


def _condition(resource: Json, kind: str) -> Json:
    return first(each for each in items(resource, "conditions") if text(each, "type") == kind)


def _digest(template: Json) -> str:
    containers = items(template, "containers")
    image = text(containers[0], "image") if containers else ""
    return image.rpartition("@")[2] if "@" in image else ""


def _instances(place: Region) -> dict[str, int] | None:
    """Service on Cloud Run -> instances lately; None where Cloud Monitoring does not answer."""
    now = datetime.now(UTC)
    try:
        series = place.api.pages(
            "monitoring",
            f"v3/projects/{place.api.project}/timeSeries",
            "timeSeries",
            **{
                "filter": 'metric.type = "run.googleapis.com/container/instance_count" AND '
                f'resource.labels.location = "{place.region}"',
                "interval.startTime": _stamp(now - timedelta(minutes=_MINUTES)),
                "interval.endTime": _stamp(now),
            },
        )
    except OpsError:
        return None
    found: dict[str, int] = {}
    for each in series:
        points = items(each, "points")
        newest = number(inside(points[0], "value"), "int64Value") if points else 0
        name = text(inside(each, "resource", "labels"), "service_name")
        found[name] = found.get(name, 0) + newest
    return found


def _time(resource: Json, key: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text(resource, key))
    except ValueError:
        return None


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["Region", "run_name", "shares", "states", "versions"]
