"""A stack `staging` on Google Cloud: what its interfaces answer once it is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.components.catalog import CATALOG
from infra.ops.clouds.gcp_doctor import APIS, PERMISSIONS
from tests.infra.ops.bench import Bench
from tests.infra.ops.google import Google

PROJECT, NUMBER, REGION = "acme-exchange", "123456789012", "us-central1"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
LABELS = {"project": "agent-exchange", "stack": "staging", "environment": "staging", "managed-by": "pulumi"}
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def configured(bench: Bench, **gcp: Any) -> None:
    """The config of the stack."""
    bench.config("staging", clouds=["gcp"], gcp__project=PROJECT, gcp__region=REGION, gcp=gcp)


def run_name(service: str) -> str:
    return f"{service}-staging"


def image(service: str, digest: str) -> str:
    return f"{REGION}-docker.pkg.dev/{PROJECT}/aex-staging/{service}@{digest}"


def revision(service: str, number: int, digest: str, *, failed: str = "") -> dict[str, Any]:
    """A revision as Cloud Run v2 gives it."""
    state = "CONDITION_FAILED" if failed else "CONDITION_SUCCEEDED"
    name = f"{run_name(service)}-{number:05d}-abc"
    condition = {"type": "Ready", "state": state, "lastTransitionTime": f"2026-11-2{number}T10:01:00.5Z"}
    if failed:
        condition |= {"message": failed, "revisionReason": "CONTAINER_MISSING"}
    return {
        "name": f"{PARENT}/services/{run_name(service)}/revisions/{name}",
        "uid": "0e8c2f0e",
        "createTime": f"2026-11-2{number}T10:00:00.123456Z",
        "updateTime": f"2026-11-2{number}T10:01:00.5Z",
        "service": run_name(service),
        "containers": [{"name": service.removeprefix("aex-"), "image": image(service, digest)}],
        "conditions": [condition, {"type": "ContainerHealthy", "state": state}],
        "observedGeneration": "1",
    }


def service_body(service: str, **changes: Any) -> dict[str, Any]:
    """A service as Cloud Run v2 gives it, whose second revision takes everything."""
    revisions = f"{PARENT}/services/{run_name(service)}/revisions"
    second = f"{revisions}/{run_name(service)}-00002-abc"
    return {
        "name": f"{PARENT}/services/{run_name(service)}",
        "uid": "6ce0d7f5",
        "generation": "2",
        "labels": {**LABELS, "service": service},
        "createTime": "2026-11-21T10:00:00.123456Z",
        "updateTime": "2026-11-22T10:00:00.123456Z",
        "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY",
        "launchStage": "GA",
        "template": {
            "containers": [{"name": service.removeprefix("aex-"), "image": image(service, NEW)}],
            "scaling": {"maxInstanceCount": 10},
            "maxInstanceRequestConcurrency": 80,
        },
        "scaling": {"scalingMode": "AUTOMATIC", "minInstanceCount": 1},
        "observedGeneration": "2",
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
        "latestReadyRevision": second,
        "latestCreatedRevision": second,
        "trafficStatuses": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
        "uri": f"https://{run_name(service)}-abc-uc.a.run.app",
        **changes,
    }


def deployed(bench: Bench, google: Google, changes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Ten services, each with the revision before the one that runs."""
    configured(bench)
    bodies = {name: service_body(name, **(changes or {}).get(name, {})) for name in CATALOG.names}
    google.on("GET", f"run/v2/{PARENT}/services", {"services": list(bodies.values())})
    google.on("GET", f"run/v2/{PARENT}/jobs", {"jobs": []})
    for name, body in bodies.items():
        path = f"run/v2/{body['name']}"
        google.on("GET", path, body)
        found = [revision(name, 2, NEW), revision(name, 1, OLD)]
        google.on("GET", f"{path}/revisions", {"revisions": found})
        for each in found:
            google.on("GET", f"run/v2/{each['name']}", each)
        bench.own("gcp:cloudrunv2/service:Service", name, str(body["name"]))
    google.on("GET", f"monitoring/v3/projects/{PROJECT}/timeSeries", {"timeSeries": [_instances("aex-gateway", 2)]})
    bench.outputs["gcp"] = {
        "gatewayUrl": "http://127.0.0.1:1",
        "apiKey": "k",
        "exports": f"{PROJECT}-aex-exports-staging",
    }


def _instances(service: str, count: int) -> dict[str, Any]:
    return {
        "metric": {"type": "run.googleapis.com/container/instance_count", "labels": {"state": "active"}},
        "resource": {
            "type": "cloud_run_revision",
            "labels": {"service_name": run_name(service), "location": REGION, "project_id": PROJECT},
        },
        "metricKind": "GAUGE",
        "valueType": "INT64",
        "points": [
            {
                "interval": {"startTime": "2026-11-25T02:00:00Z", "endTime": "2026-11-25T02:00:00Z"},
                "value": {"int64Value": str(count)},
            }
        ],
    }


def healthy_project(google: Google) -> None:
    """A project that bootstrap has prepared, with nothing of the stack in it."""
    google.on(
        "GET",
        f"cloudresourcemanager/v3/projects/{PROJECT}",
        {"name": f"projects/{NUMBER}", "projectId": PROJECT, "state": "ACTIVE", "displayName": "Exchange"},
    )
    google.on(
        "POST", f"cloudresourcemanager/v3/projects/{PROJECT}:testIamPermissions", {"permissions": list(PERMISSIONS)}
    )
    google.on(
        "GET",
        f"cloudbilling/v1/projects/{PROJECT}/billingInfo",
        {"name": f"projects/{PROJECT}/billingInfo", "projectId": PROJECT, "billingEnabled": True},
    )
    services = [
        {"name": f"projects/{NUMBER}/services/{api}.googleapis.com", "state": "ENABLED"} for api in (*APIS, "dns")
    ]
    google.on("GET", f"serviceusage/v1/projects/{PROJECT}/services", {"services": services})
    google.on(
        "GET",
        f"compute/compute/v1/projects/{PROJECT}",
        {"kind": "compute#project", "quotas": [{"metric": "NETWORKS", "limit": 15.0, "usage": 1.0}]},
    )
    nothing(google)


def nothing(google: Google) -> None:
    """Nothing of the stack exists."""
    google.on("GET", f"run/v2/{PARENT}/services", {})
    google.on("GET", f"run/v2/{PARENT}/jobs", {})
    google.on("GET", f"secretmanager/v1/projects/{PROJECT}/secrets", {"totalSize": 0})
    google.on("GET", f"artifactregistry/v1/{PARENT}/repositories", {})
    google.on("GET", f"firestore/v1/projects/{PROJECT}/databases", {})
    google.on("GET", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accounts": []})
    google.on("GET", "storage/storage/v1/b", {"kind": "storage#buckets"})
