"""What a teardown on Google Cloud takes with it, what it has to end first, and what is left of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, physical_name
from infra.components.tags import PROJECT, labels
from infra.ops.clouds import gcp_operations
from infra.ops.clouds.answers import EMPTY, Json, first, inside, items, last, number, text
from infra.ops.clouds.cloud import Place
from infra.ops.clouds.gcp_api import GcpApi, GcpRefusal
from infra.ops.clouds.gcp_status import Region
from infra.ops.clouds.side_by_side import at_once
from infra.ops.faults import OpsError
from infra.ops.model import Leftover, Loss, StackResource

OPERATIONS: Final = "aex-operations"
SCHEDULER: Final = "aex-scheduler"
_MOST_OBJECTS: Final = 1000


def losses(place: Place, region: Region) -> list[Loss]:
    """Everything of the stack that holds data, with what is in it now."""
    days = place.settings.gcp.firestore.backup_days if place.settings.gcp else 0
    kept = f"daily backups stay until they expire ({days} days)" if place.settings.protect else ""
    databases = _of(place, "gcp:firestore/database:Database")
    found = [Loss("Firestore", last(each.id), _documents(region.api, last(each.id)), kept) for each in databases]
    found += at_once(lambda each: _bucket(region.api, each), _of(place, "gcp:storage/bucket:Bucket"))
    for each in _of(place, "gcp:artifactregistry/repository:Repository"):
        images = _count(
            lambda path=each.id: region.api.pages("artifactregistry", f"v1/{path}/dockerImages", "dockerImages")
        )
        found.append(Loss("images", last(each.id), f"{images} images", ""))
    secrets = _of(place, "gcp:secretmanager/secret:Secret")
    if secrets:
        found.append(Loss("secrets", f"{len(secrets)} secrets", "generated values", ""))
    return found


def make_way(region: Region) -> Iterator[str]:
    """Cancels executions of the operators' job."""
    try:
        executions = gcp_operations.running(region, physical_name(OPERATIONS, region.stack, Kind.CLOUD_RUN))
    except GcpRefusal as error:
        if error.missing:
            return
        raise
    for name in executions:
        region.api.post("run", f"v2/{name}:cancel", {})
        yield f"cancelled {last(name)}"


def leftovers(region: Region, environment: str) -> list[Leftover]:
    """Everything with the stack's labels, and what has no labels but a name of the stack's."""
    mark = labels(region.stack, environment)
    questions: list[Callable[[], list[Leftover]]] = [
        *(lambda each=each: _labelled(region, each, mark) for each in _listings(region)),
        lambda: _databases(region),
        lambda: _accounts(region),
        lambda: _network(region),
    ]
    found = [item for part in at_once(lambda ask: ask(), questions) for item in part]
    return sorted(found, key=lambda each: (bool(each.waiting), each.kind, each.name))


Listing = tuple[str, str, str, str, dict[str, str]]
"""Kind for people, API, path, key of the list, parameters."""


def _listings(region: Region) -> Sequence[Listing]:
    project = region.api.project
    return (
        ("Cloud Run service", "run", f"v2/{region.parent}/services", "services", {}),
        ("Cloud Run job", "run", f"v2/{region.parent}/jobs", "jobs", {}),
        ("secret", "secretmanager", f"v1/projects/{project}/secrets", "secrets", {}),
        ("image repository", "artifactregistry", f"v1/{region.parent}/repositories", "repositories", {}),
        ("bucket", "storage", "storage/v1/b", "items", {"project": project}),
    )


def _labelled(region: Region, listing: Listing, mark: dict[str, str]) -> list[Leftover]:
    kind, api, path, key, params = listing
    return [
        Leftover(kind, last(text(each, "name")))
        for each in region.api.pages(api, path, key, **params)
        for found in [inside(each, "labels")]
        if found.get("project") == PROJECT and found.get("stack") == mark["stack"]
    ]


def _databases(region: Region) -> list[Leftover]:
    wanted = physical_name(PROJECT, region.stack, Kind.FIRESTORE_DATABASE)
    answer = region.api.get("firestore", f"v1/projects/{region.api.project}/databases")
    return [
        Leftover("Firestore database", wanted)
        for each in items(answer, "databases")
        if last(text(each, "name")) == wanted
    ]


def _accounts(region: Region) -> list[Leftover]:
    wanted = account_names(region.stack)
    found = region.api.pages("iam", f"v1/projects/{region.api.project}/serviceAccounts", "accounts")
    emails = [text(each, "email") for each in found]
    return [Leftover("service account", email) for email in emails if email.partition("@")[0] in wanted]


def _network(region: Region) -> list[Leftover]:
    project, found = region.api.project, list[Leftover]()
    network = physical_name("aex-vpc", region.stack, Kind.GOOGLE_NETWORK)
    subnet = physical_name("aex-subnet", region.stack, Kind.GOOGLE_NETWORK)
    for kind, path in (
        ("network", f"global/networks/{network}"),
        ("subnet", f"regions/{region.region}/subnetworks/{subnet}"),
    ):
        try:
            region.api.get("compute", f"compute/v1/projects/{project}/{path}")
        except GcpRefusal as error:
            if error.missing:
                continue
            raise
        found.append(Leftover(kind, last(path)))
    return found


def account_names(stack: str) -> set[str]:
    """The names of the stack's service accounts."""
    return {physical_name(name, stack, Kind.SERVICE_ACCOUNT) for name in (*CATALOG.names, OPERATIONS, SCHEDULER)}


def _documents(api: GcpApi, database: str) -> str:
    """How many documents there are, by the database's own counting, one question a collection."""
    collections = sorted({name for service in CATALOG.services for name in service.collections})

    def count(name: str) -> int:
        counting = {"alias": "n", "count": EMPTY}
        query = {"structuredQuery": {"from": [{"collectionId": name}]}, "aggregations": [counting]}
        path = f"v1/projects/{api.project}/databases/{database}/documents:runAggregationQuery"
        answers = api.stream("firestore", path, {"structuredAggregationQuery": query})
        return number(inside(first(answers), "result", "aggregateFields", "n"), "integerValue")

    try:
        return f"{sum(at_once(count, collections))} documents"
    except OpsError as error:
        return f"cannot be counted: {error.what}"


def _bucket(api: GcpApi, resource: StackResource) -> Loss:
    name = last(resource.id)
    try:
        answer = api.get("storage", f"storage/v1/b/{name}/o", maxResults=str(_MOST_OBJECTS))
    except OpsError as error:
        return Loss("bucket", name, f"cannot be looked into: {error.what}", "")
    more = " or more" if text(answer, "nextPageToken") else ""
    return Loss("bucket", name, f"{len(items(answer, 'items'))}{more} objects", "")


def _count(ask: Callable[[], list[Json]]) -> str:
    try:
        return str(len(ask()))
    except OpsError:
        return "an unknown number of"


def _of(place: Place, kind: str) -> list[StackResource]:
    return [each for each in place.state if each.type == kind and each.id]


__all__ = ["OPERATIONS", "account_names", "leftovers", "losses", "make_way"]
