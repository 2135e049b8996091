"""What runs: images, environments, privileges, probes and sizes of tasks and revisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from infra.components.sizing import cloud_run_problem, fargate_problem
from infra.policy.model import About, Place, Resource, Severity, Stack, resource_rule
from infra.policy.properties import Properties
from infra.policy.waivers import READ_ONLY_ROOT

_TASK: Final = "aws:ecs/taskDefinition:TaskDefinition"
_SERVICE: Final = "gcp:cloudrunv2/service:Service"
_JOB: Final = "gcp:cloudrunv2/job:Job"
_DIGEST: Final = re.compile(r".+@sha256:[0-9a-f]{64}")
_SECRET_NAME: Final = re.compile(r".*(PASSWORD|SECRET|KEY|TOKEN|URI)")
_PINNED_SECRET: Final = re.compile(r"arn:aws[a-z-]*:secretsmanager:[^:]*:[^:]*:(secret:)?[^:]+:[^:]*:[^:]*:[^:]+")
_LATEST_PLATFORMS: Final = ("", "LATEST", "1.4.0")
_ROOT: Final = ("", "0", "root")
_UNITS: Final = {"Mi": 1, "Gi": 1024}


@resource_rule(
    About(
        id="image-digest",
        place=Place.EVERY,
        reason="a tag can move, so that what runs is not what was tested, and a rollback brings something else",
        remedy="refer to the image as NAME@sha256:DIGEST",
        checkov=("CKV_AWS_51",),
    ),
    _TASK,
    _SERVICE,
    _JOB,
)
def image_digest(resource: Resource, _: Stack) -> Iterator[str]:
    """Images are named by digest."""
    for container in _containers(resource):
        if not _DIGEST.fullmatch(container.text("image")):
            yield f"container {container.text('name')} does not name its image by digest"


@resource_rule(
    About(
        id="secret-in-environment",
        place=Place.EVERY,
        reason="variables are shown to everybody who may look at the service, and stay in every revision",
        remedy="refer to a secret (`secrets`/`valueFrom` on AWS, `valueSource.secretKeyRef` on Google Cloud)",
        checkov=("CKV_AWS_45", "CKV_SECRET_6"),
    ),
    _TASK,
    _SERVICE,
    _JOB,
)
def secret_in_environment(resource: Resource, _: Stack) -> Iterator[str]:
    """No variable that is named like a secret has a plain value."""
    for container in _containers(resource):
        for variable in (*container.parts("environment"), *container.parts("envs")):
            # A preview does not know all values, but always whether there is a plain one.
            if _SECRET_NAME.fullmatch(variable.text("name")) and variable.has("value"):
                yield f"{variable.text('name')} is in plain text"


@resource_rule(
    About(
        id="secret-version-pinned",
        place=Place.EVERY,
        reason="with the latest version, instances of one revision start with different secrets, and a rollback does "
        "not bring the old one back",
        remedy="name the version",
    ),
    _TASK,
    _SERVICE,
    _JOB,
)
def secret_version_pinned(resource: Resource, _: Stack) -> Iterator[str]:
    """Secrets are read in one version."""
    for container in _containers(resource):
        for secret in container.parts("secrets"):
            if not _PINNED_SECRET.fullmatch(secret.text("valueFrom")):
                yield f"{secret.text('name')} is read in no particular version"
        for variable in container.parts("envs"):
            reference = "valueSource.secretKeyRef"
            if variable.has(reference) and variable.text(f"{reference}.version") in ("", "latest"):
                yield f"{variable.text('name')} is read in no particular version"


@resource_rule(
    About(
        id=READ_ONLY_ROOT,
        place=Place.AWS,
        reason="whoever gets into a container could change its code",
        remedy="set readonlyRootFilesystem to true; a shell is opened for some days by "
        "agent-exchange:aws.executeCommand, which is a waiver of this rule",
        checkov=("CKV_AWS_336",),
    ),
    _TASK,
)
def read_only_root(resource: Resource, _: Stack) -> Iterator[str]:
    """Containers cannot write to their root file system."""
    for container in _containers(resource):
        if container.flag("readonlyRootFilesystem") is not True:
            yield f"container {container.text('name')} can change its own files"


@resource_rule(
    About(
        id="aws-container-unprivileged",
        place=Place.AWS,
        reason="root in a container is one flaw away from its host",
        remedy="set privileged to false and user to a number other than 0",
        checkov=("CKV_AWS_334",),
    ),
    _TASK,
)
def unprivileged(resource: Resource, _: Stack) -> Iterator[str]:
    """Containers run as a user without privileges."""
    for container in _containers(resource):
        if container.flag("privileged") is True:
            yield f"container {container.text('name')} is privileged"
        if container.text("user").partition(":")[0] in _ROOT:
            yield f"container {container.text('name')} runs as root"


@resource_rule(
    About(
        id="aws-task-isolated",
        place=Place.AWS,
        reason="namespaces of the host show and reach what else runs there",
        remedy="remove pidMode and ipcMode, and set networkMode to awsvpc",
        checkov=("CKV_AWS_335",),
    ),
    _TASK,
)
def task_isolated(resource: Resource, _: Stack) -> Iterator[str]:
    """Tasks share no namespace with their host."""
    properties = resource.properties
    if "host" in (properties.text("pidMode"), properties.text("ipcMode")):
        yield "the task shares processes or memory with its host"
    if properties.text("networkMode") != "awsvpc":
        yield "the task shares a network with others"


@resource_rule(
    About(
        id="aws-task-roles",
        place=Place.AWS,
        reason="the role that starts a task reads its secrets and images; its code needs neither",
        remedy="set taskRoleArn and executionRoleArn to different roles",
        checkov=("CKV_AWS_249",),
    ),
    _TASK,
)
def task_roles(resource: Resource, _: Stack) -> Iterator[str]:
    """What starts a task and its code have different roles."""
    properties = resource.properties
    if not properties.has("taskRoleArn") or not properties.has("executionRoleArn"):
        yield "the task has not both roles"
    elif properties.text("taskRoleArn") == properties.text("executionRoleArn"):
        yield "one role starts the task and is its code's"


@resource_rule(
    About(
        id="aws-fargate-platform",
        place=Place.AWS,
        reason="old platform versions get no security fixes",
        remedy="set platformVersion to LATEST",
        checkov=("CKV_AWS_332",),
    ),
    "aws:ecs/service:Service",
)
def fargate_platform(resource: Resource, _: Stack) -> Iterator[str]:
    """Tasks run on Fargate's latest platform."""
    version = resource.properties.text("platformVersion")
    if version not in _LATEST_PLATFORMS:
        yield f"the platform version {version} is an old one"


@resource_rule(
    About(
        id="probes",
        place=Place.EVERY,
        reason="without a probe, callers are sent to an instance that hangs or has not started",
        remedy="set healthCheck (AWS), startupProbe and livenessProbe (Google Cloud)",
    ),
    _TASK,
    _SERVICE,
)
def probes(resource: Resource, _: Stack) -> Iterator[str]:
    """What serves is probed. One-off tasks, which publish no port, are not."""
    for container in _containers(resource):
        wanted = ("startupProbe", "livenessProbe")
        if resource.type == _TASK:
            wanted = ("healthCheck",) if container.count("portMappings") else ()
        for probe in wanted:
            if not container.has(probe):
                yield f"container {container.text('name')} has no {probe}"


@resource_rule(
    About(
        id="size-exists",
        place=Place.EVERY,
        reason="the cloud has only some pairs of CPU and memory, and refuses others in the middle of a deployment",
        remedy="choose a size that exists, in agent-exchange:aws.sizes or gcp.sizes",
    ),
    _TASK,
    _SERVICE,
)
def size_exists(resource: Resource, _: Stack) -> Iterator[str]:
    """CPU and memory are a pair that the cloud has."""
    if resource.type == _TASK:
        cpu, memory = resource.properties.number("cpu") or 0, resource.properties.number("memory") or 0
        problem = fargate_problem(int(cpu), int(memory))
        if problem:
            yield problem
        return
    concurrency = int(resource.properties.number("template.maxInstanceRequestConcurrency") or 80)
    for container in _containers(resource):
        cpu = container.number("resources.limits.cpu") or 0.0
        problem = cloud_run_problem(int(cpu), _mebibytes(container.text("resources.limits.memory")), concurrency)
        if problem or not cpu.is_integer():
            yield problem or f"{cpu:g} vCPU serve one request at a time"


@resource_rule(
    About(
        id="gcp-cpu-between-requests",
        place=Place.GCP,
        reason="once resources are given, Cloud Run bills CPU all the time unless it is told otherwise",
        remedy="set resources.cpuIdle to true",
        severity=Severity.ADVISORY,
    ),
    _SERVICE,
)
def cpu_between_requests(resource: Resource, _: Stack) -> Iterator[str]:
    """Whether CPU is there between requests is written down."""
    for container in _containers(resource):
        if container.flag("resources.cpuIdle") is None:
            yield f"container {container.text('name')} does not say whether it has CPU between requests"


def _containers(resource: Resource) -> list[Properties]:
    match resource.type:
        case "aws:ecs/taskDefinition:TaskDefinition":
            return resource.properties.documents("containerDefinitions")
        case "gcp:cloudrunv2/job:Job":
            return resource.properties.parts("template.template.containers")
        case _:
            return resource.properties.parts("template.containers")


def _mebibytes(text: str) -> int:
    number, unit = text[:-2], text[-2:]
    return int(number) * _UNITS[unit] if unit in _UNITS and number.isdigit() else 0


RULES = (
    image_digest,
    secret_in_environment,
    secret_version_pinned,
    read_only_root,
    unprivileged,
    task_isolated,
    task_roles,
    fargate_platform,
    probes,
    size_exists,
    cpu_between_requests,
)
