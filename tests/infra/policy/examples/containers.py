"""Tasks and revisions."""

import json
from typing import Any

from infra.policy.model import Resource
from tests.infra.policy.building import Example, made, stack, waiver

TASK = "aws:ecs/taskDefinition:TaskDefinition"
RUN = "gcp:cloudrunv2/service:Service"
JOB = "gcp:cloudrunv2/job:Job"
SERVICE = "aws:ecs/service:Service"
PINNED = "registry/aex-gateway@sha256:" + "0" * 64
SECRET = "arn:aws:secretsmanager:us-east-1:1:secret:aex-jwt-secret-AbCdEf"
PROBE = {"httpGet": {"path": "/health"}}


def task(name: str = "aex-gateway", /, **container: Any) -> Resource:
    return made(TASK, name, containerDefinitions=json.dumps([{"name": "aex-gateway", **container}]))


def run(concurrency: int = 80, /, **container: Any) -> Resource:
    return made(
        RUN, template={"maxInstanceRequestConcurrency": concurrency, "containers": [{"name": "a", **container}]}
    )


def job(**container: Any) -> Resource:
    return made(JOB, template={"template": {"containers": [{"name": "operations", **container}]}})


def limits(cpu: str, memory: str) -> dict[str, Any]:
    return {"resources": {"limits": {"cpu": cpu, "memory": memory}, "cpuIdle": True}}


def reference(version: str | None) -> dict[str, Any]:
    source = {"secretKeyRef": {"secret": "aex-jwt-secret", **({"version": version} if version else {})}}
    return {"envs": [{"name": "JWT_SECRET", "valueSource": source}]}


EXAMPLES = (
    Example(
        "image-digest",
        good=[task(image=PINNED), run(image=PINNED), job(image=PINNED)],
        bad=[task(image="registry/aex-gateway:latest"), run(image="registry/aex:1.2.3"), job(image="aex@sha256:12")],
    ),
    Example(
        "secret-in-environment",
        good=[
            task(environment=[{"name": "MONGO_USER", "value": "aex"}], secrets=[{"name": "JWT_SECRET"}]),
            run(envs=[{"name": "PORT", "value": "80"}, *reference("1")["envs"]]),
        ],
        bad=[
            task(environment=[{"name": "MONGO_URI", "value": "mongodb://a:b@c"}]),
            task(environment=[{"name": "MONGO_PASSWORD", "value": "b"}]),
            run(envs=[{"name": "JWT_SECRET", "value": "b"}]),
            job(envs=[{"name": "API_TOKEN", "value": "b"}]),
        ],
    ),
    Example(
        "secret-version-pinned",
        good=[
            task(secrets=[{"name": "JWT_SECRET", "valueFrom": f"{SECRET}:::0f1c"}]),
            task(secrets=[{"name": "JWT_SECRET", "valueFrom": f"{SECRET}:key::0f1c"}]),
            run(**reference("3")),
        ],
        bad=[
            task(secrets=[{"name": "JWT_SECRET", "valueFrom": SECRET}]),
            task(secrets=[{"name": "JWT_SECRET", "valueFrom": f"{SECRET}::AWSCURRENT:"}]),
            run(**reference("latest")),
            job(**reference(None)),
        ],
    ),
    Example(
        "aws-container-read-only",
        good=[task(readonlyRootFilesystem=True)],
        bad=[task(), task(readonlyRootFilesystem=False)],
    ),
    Example(
        "aws-container-read-only",
        good=[task("aex-gateway")],
        bad=[task("aex-identity")],
        within=stack(shells=[waiver("aws-container-read-only", "aex-gateway")]),
    ),
    Example(
        "aws-container-unprivileged",
        good=[task(user="10001:10001", privileged=False)],
        bad=[task(user="10001", privileged=True), task(), task(user="0:0"), task(user="root")],
    ),
    Example(
        "aws-task-isolated",
        good=[made(TASK, networkMode="awsvpc")],
        bad=[made(TASK, networkMode="awsvpc", pidMode="host"), made(TASK, networkMode="host"), made(TASK)],
    ),
    Example(
        "aws-task-roles",
        good=[made(TASK, taskRoleArn="arn:1", executionRoleArn="arn:2")],
        bad=[made(TASK, taskRoleArn="arn:1", executionRoleArn="arn:1"), made(TASK, executionRoleArn="arn:2")],
    ),
    Example(
        "aws-fargate-platform",
        good=[made(SERVICE, platformVersion="LATEST"), made(SERVICE)],
        bad=[made(SERVICE, platformVersion="1.3.0")],
    ),
    Example(
        "probes",
        good=[
            task(portMappings=[{"containerPort": 8080}], healthCheck={"command": ["CMD", "true"]}),
            task(portMappings=[]),
            run(startupProbe=PROBE, livenessProbe=PROBE),
        ],
        bad=[task(portMappings=[{"containerPort": 8080}]), run(startupProbe=PROBE), run(livenessProbe=PROBE)],
    ),
    Example(
        "size-exists",
        good=[
            made(TASK, cpu="256", memory="512"),
            run(**limits("1", "512Mi")),
            run(250, **limits("2", "1Gi")),
        ],
        bad=[
            made(TASK, cpu="256", memory="4096"),
            made(TASK),
            run(**limits("1", "8Gi")),
            run(**limits("0.5", "512Mi")),
            run(2000, **limits("1", "512Mi")),
        ],
    ),
    Example(
        "gcp-cpu-between-requests",
        good=[run(**limits("1", "512Mi")), run(resources={"cpuIdle": False})],
        bad=[run(resources={"limits": {"cpu": "1"}})],
    ),
)
