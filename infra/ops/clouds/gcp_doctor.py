"""Whether a deployment to Google Cloud would work from here: who one is, what is enabled and allowed, what clashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, physical_name
from infra.config import Environment
from infra.config.gcp import Egress, GcpSettings
from infra.ops.clouds import checks
from infra.ops.clouds.answers import first, items, last, number, text
from infra.ops.clouds.cloud import Place
from infra.ops.clouds.gcp_api import GcpApi, GcpRefusal
from infra.ops.clouds.gcp_status import Region, run_name
from infra.ops.clouds.gcp_teardown import OPERATIONS, account_names
from infra.ops.clouds.side_by_side import at_once
from infra.ops.faults import OpsError
from infra.ops.model import Finding, Verdict

APIS: Final = (
    "run",
    "artifactregistry",
    "firestore",
    "secretmanager",
    "cloudresourcemanager",
    "iam",
    "iamcredentials",
    "logging",
    "monitoring",
    "serviceusage",
    "storage",
    "compute",
    "cloudscheduler",
)
"""What every stack uses; bootstrap enables these and some more (infra/gcp/apis.py)."""

PERMISSIONS: Final = (
    "run.services.create",
    "run.services.setIamPolicy",
    "run.jobs.create",
    "artifactregistry.repositories.create",
    "datastore.databases.create",
    "secretmanager.secrets.create",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.actAs",
    "resourcemanager.projects.setIamPolicy",
    "monitoring.alertPolicies.create",
    "logging.logMetrics.create",
    "cloudscheduler.jobs.create",
    "storage.buckets.create",
)
"""One for each kind of thing that a stack makes."""

_TOOLS: Final = (
    checks.Tool(
        "gcloud",
        "logs in and shows logs (`aexctl logs`)",
        "Install the Google Cloud CLI: https://cloud.google.com/sdk/docs/install",
        needed=False,
    ),
)
_MOST_ACCOUNTS: Final = 100
"""Service accounts that a project may have, unless Google has raised it."""


def findings(place: Place, region: Region) -> Iterator[Finding]:
    """All of it, the first obstacles first. Raises `Unreachable` without credentials: nothing can follow then."""
    api, settings = region.api, place.settings.gcp or GcpSettings()
    bootstrap = place.settings.environment is Environment.BOOTSTRAP
    yield from checks.tools(place, _TOOLS)
    yield from checks.backend(place)
    yield _project(api, settings)
    yield _asked("billing", lambda: _billing(api))
    yield _asked("APIs", lambda: _enabled(api, bootstrap=bootstrap))
    yield _asked("permissions", lambda: _permissions(api))
    yield Finding("region", Verdict.OK, f"{region.region} has Cloud Run")
    if not bootstrap:
        if settings.network.egress is not Egress.NONE and not place.known("gcp:compute/network:Network"):
            yield _asked("quota: networks", lambda: _networks(api))
        yield _asked("quota: service accounts", lambda: _accounts(place, region))
        yield from _clashes(place, region)


def _asked(check: str, ask: Callable[[], Finding]) -> Finding:
    """A refusal is a finding of its own: the other checks go on."""
    try:
        return ask()
    except GcpRefusal as error:
        return Finding(check, Verdict.SKIPPED, error.what, error.remedy)


def _project(api: GcpApi, settings: GcpSettings) -> Finding:
    try:
        found = api.get("cloudresourcemanager", f"v3/projects/{api.project}")
    except GcpRefusal as error:
        remedy = f"Correct `gcp:project`, or log in as somebody who may see {api.project}."
        return Finding("project", Verdict.FAILED, error.what, remedy)
    actual = last(text(found, "name"))
    who = f", as {api.identity()}" if api.identity() else ""
    if text(found, "state") != "ACTIVE":
        return Finding("project", Verdict.FAILED, f"{api.project} is {text(found, 'state')}", "Use an active project.")
    if settings.project_number not in (None, actual):
        remedy = f"Set agent-exchange:gcp.projectNumber to {actual}, or remove it."
        return Finding("project", Verdict.FAILED, f"its number is {actual}, not {settings.project_number}", remedy)
    return Finding("project", Verdict.OK, f"{api.project}, number {actual}{who}")


def _billing(api: GcpApi) -> Finding:
    if api.get("cloudbilling", f"v1/projects/{api.project}/billingInfo").get("billingEnabled") is True:
        return Finding("billing", Verdict.OK, "is enabled")
    remedy = f"`gcloud billing projects link {api.project} --billing-account ACCOUNT`"
    return Finding("billing", Verdict.FAILED, "is not enabled", remedy)


def _enabled(api: GcpApi, *, bootstrap: bool) -> Finding:
    found = api.pages("serviceusage", f"v1/projects/{api.project}/services", "services", filter="state:ENABLED")
    enabled = {last(text(each, "name")).removesuffix(".googleapis.com") for each in found}
    missing = [name for name in APIS if name not in enabled]
    if not missing:
        return Finding("APIs", Verdict.OK, f"{len(APIS)} of {len(APIS)} are enabled")
    if bootstrap:
        return Finding("APIs", Verdict.WARNING, f"{len(missing)} are not enabled yet", "This stack enables them.")
    names = " ".join(f"{name}.googleapis.com" for name in missing)
    remedy = f"Deploy the stack bootstrap once in this project (docs/gcp.md), or `gcloud services enable {names}`."
    return Finding("APIs", Verdict.FAILED, f"not enabled: {', '.join(missing)}", remedy)


def _permissions(api: GcpApi) -> Finding:
    path = f"v3/projects/{api.project}:testIamPermissions"
    answer = api.post("cloudresourcemanager", path, {"permissions": list(PERMISSIONS)})
    granted = answer.get("permissions")
    missing = [name for name in PERMISSIONS if not isinstance(granted, list) or name not in granted]
    if not missing:
        return Finding("permissions", Verdict.OK, f"{len(PERMISSIONS)} of {len(PERMISSIONS)} that a deployment needs")
    remedy = "Use bootstrap's deploy account, or the roles that docs/gcp.md names."
    return Finding("permissions", Verdict.FAILED, f"not granted: {', '.join(missing)}", remedy)


def _networks(api: GcpApi) -> Finding:
    quotas = items(api.get("compute", f"compute/v1/projects/{api.project}"), "quotas")
    quota = first(each for each in quotas if text(each, "metric") == "NETWORKS")
    used, limit = number(quota, "usage"), number(quota, "limit")
    detail = f"{used} in use, 1 more needed, {limit} allowed"
    if used < limit:
        return Finding("quota: networks", Verdict.OK, detail)
    remedy = "Ask for more on the page IAM & Admin > Quotas, delete one, or set gcp.network.egress to none."
    return Finding("quota: networks", Verdict.FAILED, detail, remedy)


def _accounts(place: Place, region: Region) -> Finding:
    found = region.api.pages("iam", f"v1/projects/{region.api.project}/serviceAccounts", "accounts")
    more = 0 if place.known("gcp:serviceaccount/account:Account") else len(account_names(region.stack))
    detail = f"{len(found)} in use, {more} more needed, {_MOST_ACCOUNTS} allowed unless it was raised"
    fits = len(found) + more <= _MOST_ACCOUNTS
    remedy = "" if fits else "Delete accounts that nobody uses, or ask for more on the page IAM & Admin > Quotas."
    return Finding("quota: service accounts", Verdict.OK if fits else Verdict.WARNING, detail, remedy)


def _clashes(place: Place, region: Region) -> Iterator[Finding]:
    """Things with the stack's names that the stack does not own: a deployment would fail on each."""
    questions: list[Callable[[], list[str]]] = [
        lambda: _runs(place, region),
        lambda: _secrets(place, region),
        lambda: _singles(place, region),
    ]

    def ask(question: Callable[[], list[str]]) -> list[str] | OpsError:
        try:
            return question()
        except GcpRefusal as error:
            return error

    clean = True
    for found in at_once(ask, questions):
        if isinstance(found, OpsError):
            clean = False
            yield Finding("clashes", Verdict.SKIPPED, found.what, found.remedy)
            continue
        for name in found:
            clean = False
            remedy = "Delete it, or take it over: docs/from-the-scripts.md (`pulumi import`)."
            yield Finding("clash", Verdict.FAILED, f"{name} exists, and the stack does not own it", remedy)
    if clean:
        yield Finding("clashes", Verdict.OK, f"nothing else has a name of stack {place.stack}")


def _runs(place: Place, region: Region) -> list[str]:
    own = {last(each) for each in place.known("gcp:cloudrunv2/service:Service", "gcp:cloudrunv2/job:Job")}
    services = region.api.pages("run", f"v2/{region.parent}/services", "services")
    jobs = region.api.pages("run", f"v2/{region.parent}/jobs", "jobs")
    wanted = {run_name(name, place.stack) for name in (*CATALOG.names, OPERATIONS)} - own
    found = {last(text(each, "name")) for each in (*services, *jobs)}
    return [f"Cloud Run {name}" for name in sorted(found & wanted)]


def _secrets(place: Place, region: Region) -> list[str]:
    own = {last(each) for each in place.known("gcp:secretmanager/secret:Secret")}
    wanted = {physical_name(secret.name, place.stack, Kind.GOOGLE_SECRET) for secret in CATALOG.secrets} - own
    found = region.api.pages("secretmanager", f"v1/projects/{region.api.project}/secrets", "secrets")
    return [f"secret {name}" for name in sorted({last(text(each, "name")) for each in found} & wanted)]


def _singles(place: Place, region: Region) -> list[str]:
    found: list[str] = []
    project, settings = region.api.project, place.settings.gcp or GcpSettings()
    database = settings.firestore.database or physical_name("agent-exchange", place.stack, Kind.FIRESTORE_DATABASE)
    if not place.known("gcp:firestore/database:Database"):
        there = items(region.api.get("firestore", f"v1/projects/{project}/databases"), "databases")
        found += [f"Firestore database {database}" for each in there if last(text(each, "name")) == database]
    repository = physical_name("aex", place.stack, Kind.ARTIFACT_REPOSITORY)
    if not place.known("gcp:artifactregistry/repository:Repository"):
        names = region.api.pages("artifactregistry", f"v1/{region.parent}/repositories", "repositories")
        found += [f"image repository {repository}" for each in names if last(text(each, "name")) == repository]
    if not place.known("gcp:serviceaccount/account:Account"):
        accounts = region.api.pages("iam", f"v1/projects/{project}/serviceAccounts", "accounts")
        emails = [text(each, "email") for each in accounts]
        found += [f"service account {each}" for each in emails if each.partition("@")[0] in account_names(place.stack)]
    return found


__all__ = ["APIS", "PERMISSIONS", "findings"]
