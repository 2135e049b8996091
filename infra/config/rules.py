"""Rules that span several parts of a stack's config, or that depend on what the stack is for.

Each rule yields sentences of the form `<key>: <what is wrong>: <what to set>`. The rules of a single part are with it.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterator

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, physical_name
from infra.components.regions import CLOUD_RUN_REGIONS, CLOUD_SCHEDULER_REGIONS
from infra.config.aws import AwsSettings, Database
from infra.config.gcp import LATEST, Access, Egress, GcpSettings
from infra.config.general import Cloud, Environment, ImageSource
from infra.config.report import NAMESPACE
from infra.config.section import did_you_mean
from infra.config.settings import Settings

_LONGEST_SHELL_DAYS = 14


def problems_of(settings: Settings) -> Iterator[str]:
    """Everything that contradicts itself in settings whose parts are sound."""
    for rule in (_clouds, _protection, _images, _scaling, _aws, _gcp, _bootstrap):
        yield from (f"{key}: {problem}" for key, problem in rule(settings))


def _clouds(settings: Settings) -> Iterator[tuple[str, str]]:
    key = f"{NAMESPACE}:clouds"
    clouds = settings.clouds
    if len(set(clouds)) != len(clouds):
        yield key, "a cloud is named twice: name it once"
    if Cloud.LOCAL in clouds and len(set(clouds)) > 1:
        yield key, "this machine cannot be mixed with a cloud: use [local], or leave local out"
    elif (Cloud.LOCAL in clouds) != (settings.environment is Environment.LOCAL):
        yield (
            key,
            f"[{', '.join(clouds)}] does not go with environment {settings.environment}: this machine is for "
            f"environment local and the clouds are for all others; change clouds, or set {NAMESPACE}:environment",
        )


def _protection(settings: Settings) -> Iterator[tuple[str, str]]:
    confirmed = settings.confirm_unprotected
    if confirmed is not None and confirmed != settings.stack:
        yield (
            f"{NAMESPACE}:confirmUnprotected",
            f"{confirmed!r} is not the name of this stack: set it to {settings.stack}, or remove it",
        )
    if settings.environment is Environment.PRODUCTION and not settings.protect and confirmed is None:
        yield (
            f"{NAMESPACE}:protect",
            "production without protection can lose its data: set it to true; to take production down, set "
            f"{NAMESPACE}:confirmUnprotected to {settings.stack} as well, and run `pulumi up` before `pulumi destroy`",
        )
    if settings.time_to_live_hours is not None and settings.environment is not Environment.EPHEMERAL:
        yield (
            f"{NAMESPACE}:timeToLiveHours",
            f"a {settings.environment} stack does not expire: remove it, or set {NAMESPACE}:environment to ephemeral",
        )
    if settings.time_to_live_hours is not None and settings.protect:
        yield f"{NAMESPACE}:timeToLiveHours", "a protected stack cannot expire: remove it, or set protect to false"


def _images(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.image.source is not ImageSource.PREBUILT or not _deploys_to_cloud(settings):
        return
    missing = [name for name in CATALOG.names if name not in settings.image.digests]
    if missing:
        yield (
            f"{NAMESPACE}:image.digests",
            f"prebuilt images need a digest each, and {', '.join(missing)} have none: add them, or set source to build",
        )


def _scaling(settings: Settings) -> Iterator[tuple[str, str]]:
    for cloud, part in ((Cloud.AWS, settings.aws), (Cloud.GCP, settings.gcp)):
        if part is None:
            continue
        for service in CATALOG.services:
            override = part.scaling.get(service.name)
            # Floor and range come from the environment and the catalog, so that half an override can miss them.
            minimum = override.minimum if override and override.minimum is not None else part.minimum_instances
            maximum = override.maximum if override and override.maximum is not None else service.scaling.maximum
            if minimum > maximum and (override is None or override.fixed is None):
                yield (
                    f"{NAMESPACE}:{cloud}.scaling.{service.name}",
                    f"a minimum of {minimum} is above the maximum of {maximum}: set both minimum and maximum here",
                )


def _aws(settings: Settings) -> Iterator[tuple[str, str]]:
    if Cloud.AWS not in settings.clouds or settings.aws is None:
        return
    yield from _provider_key("aws:region", settings.aws_region, r"[a-z]{2}(-[a-z]+)+-\d", "us-east-1")
    aws, production = settings.aws, settings.environment is Environment.PRODUCTION
    if production and aws.domain is None and not aws.allow_http:
        yield (
            f"{NAMESPACE}:aws.domain",
            "production needs a domain, because without one there is no certificate and all traffic is readable: set "
            "domain, or set allowHttp to true if something in front of the load balancer encrypts",
        )
    zones = aws.network.availability_zones
    wrong = [zone for zone in zones if settings.aws_region and zone[:-1] != settings.aws_region]
    if wrong:
        yield (
            f"{NAMESPACE}:aws.network.availabilityZones",
            f"{', '.join(wrong)} is not in region {settings.aws_region}: name zones of that region",
        )
    if aws.database.kind is Database.SHARED and aws.database.owner == settings.stack:
        yield f"{NAMESPACE}:aws.database.sharedWith", "a stack cannot share its own cluster: name another stack"
    if aws.database.kind is Database.SHARED and settings.environment is not Environment.EPHEMERAL:
        yield (
            f"{NAMESPACE}:aws.database.kind",
            f"shared is for ephemeral stacks, not for {settings.environment}: set it to documentdb or atlas",
        )
    yield from _shells(settings.stack, aws)


def _shells(stack: str, aws: AwsSettings) -> Iterator[tuple[str, str]]:
    """A shell makes a service's root writable, which is a waiver: it ends by itself, and soon."""
    today = datetime.datetime.now(datetime.UTC).date()
    for service, last in aws.execute_command.items():
        key = f"{NAMESPACE}:aws.executeCommand.{service}"
        if last < today:
            yield key, f"ended on {last}: remove it (`pulumi up` closes the shell), or set a day from {today} on"
        elif last > today + datetime.timedelta(days=_LONGEST_SHELL_DAYS):
            yield key, f"{last} is more than {_LONGEST_SHELL_DAYS} days away: set an earlier day in stack {stack}"


def _gcp(settings: Settings) -> Iterator[tuple[str, str]]:
    if Cloud.GCP not in settings.clouds or settings.gcp is None:
        return
    yield from _provider_key("gcp:region", settings.gcp_region, r"[a-z]+-[a-z]+\d+", "us-central1")
    region = settings.gcp_region or ""
    if re.fullmatch(r"[a-z]+-[a-z]+\d+", region) and region not in CLOUD_RUN_REGIONS:
        yield "gcp:region", f"{region!r} has no Cloud Run: {did_you_mean(region, sorted(CLOUD_RUN_REGIONS))}"
    yield from _scheduler(settings, settings.gcp)
    yield from _traffic(settings, settings.gcp)
    yield from _provider_key("gcp:project", settings.gcp_project, r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "my-project-1")
    if settings.environment is not Environment.PRODUCTION:
        return
    if settings.gcp_access is Access.PUBLIC:
        yield (
            f"{NAMESPACE}:gcp.access",
            "production is not open to everybody on run.app: set domain (a load balancer with a certificate and Cloud "
            "Armor), or set access to iam",
        )
    if settings.gcp.network.egress is Egress.NONE:
        yield (
            f"{NAMESPACE}:gcp.network.egress",
            "without a network every service of production is reachable from outside: set it to direct or connector",
        )


def _scheduler(settings: Settings, gcp: GcpSettings) -> Iterator[tuple[str, str]]:
    """Cloud Scheduler has fewer regions than Cloud Run, and calls across them."""
    region = settings.gcp_region
    if settings.environment is Environment.BOOTSTRAP or gcp.scheduler_region is not None:
        return
    if region in CLOUD_RUN_REGIONS - CLOUD_SCHEDULER_REGIONS:
        (near,) = difflib.get_close_matches(region, sorted(CLOUD_SCHEDULER_REGIONS), n=1, cutoff=0)
        yield (
            f"{NAMESPACE}:gcp.schedulerRegion",
            f"{region} has no Cloud Scheduler that is known here, and background duties need one: set it to a region "
            f"that has it, as {near}, or to {region} if cloud.google.com/scheduler/docs/locations names it by now",
        )


def _traffic(settings: Settings, gcp: GcpSettings) -> Iterator[tuple[str, str]]:
    """Revisions of another stack have other names; Cloud Run would refuse them halfway through a deployment."""
    for service, shares in gcp.traffic.items():
        name = physical_name(service, settings.stack, Kind.CLOUD_RUN)
        wrong = [
            each for each in shares if each != LATEST and not re.fullmatch(rf"{name}-[a-z0-9]+(-[a-z0-9]+)*", each)
        ]
        if wrong:
            yield (
                f"{NAMESPACE}:gcp.traffic.{service}",
                f"{wrong[0]!r} is no revision of {name}: name one that begins with {name}- "
                f"(`gcloud run revisions list --service {name}`), or {LATEST}",
            )


def _bootstrap(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.environment is Environment.BOOTSTRAP and settings.github is None:
        yield (
            f"{NAMESPACE}:github",
            "bootstrap binds the deploy identities to one repository: set owner, repository, ownerId and repositoryId "
            "(`gh api repos/OWNER/NAME --jq '.owner.id, .id'`)",
        )


def _provider_key(key: str, value: str | None, pattern: str, example: str) -> Iterator[tuple[str, str]]:
    if value is None:
        yield key, f"is missing: set it, as in `pulumi config set {key} {example}`"
    elif not re.fullmatch(pattern, value):
        yield key, f"{value!r} does not look like one: set it, as in `pulumi config set {key} {example}`"


def _deploys_to_cloud(settings: Settings) -> bool:
    return settings.environment is not Environment.BOOTSTRAP and Cloud.LOCAL not in settings.clouds
