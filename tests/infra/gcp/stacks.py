"""Whole stacks on Google Cloud under the strict mocks, each declared once per test run."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import pulumi

from infra.components.catalog import CATALOG
from infra.config import Settings, load
from tests.infra.mocks import Outputs, Resource, Run, declared
from tests.infra.secrets_in_inputs import SECRET_MARK, made_secret

PROJECT = "acme-exchange"
NUMBER = "123456789012"
REGION = "us-central1"
PLACES = {"gcp:project": PROJECT, "gcp:region": REGION}
DIGEST = "sha256:" + "0" * 64
IMAGES = {"source": "prebuilt", "digests": dict.fromkeys(CATALOG.names, DIGEST)}
GITHUB = {"owner": "acme", "repository": "agent-exchange", "ownerId": 123, "repositoryId": 456}

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "staging": {},
    "production": {
        "domain": "aex.example.org",
        "alarms": {"emails": ["oncall@example.org"]},
        "budget": {"monthly": 1500, "billingAccount": "012345-6789AB-CDEF01"},
    },
    "pr-12": {},
    "bootstrap": {},
}


def settings_of(stack: str, gcp: Mapping[str, Any] | None = None, **more: Any) -> Settings:
    """Settings of a stack on Google Cloud alone, with prebuilt images; `more` has other keys, whole with a colon."""
    values: dict[str, Any] = {"clouds": ["gcp"], "gcp": dict(gcp if gcp is not None else CONFIGS.get(stack, {}))}
    values |= {"github": GITHUB} if stack == "bootstrap" else {"image": IMAGES}
    keys = {key if ":" in key else f"agent-exchange:{key}": value for key, value in {**values, **more}.items()}
    return load({**PLACES, **keys}, stack)


def outputs(resource: Resource) -> Mapping[str, Any]:
    """What Google would add to the inputs of some resources, in the form that the program needs."""
    match resource.type:
        case "random:index/randomBytes:RandomBytes":
            return {"hex": made_secret(f"{SECRET_MARK}{resource.name}.hex")}
        case "gcp:secretmanager/secret:Secret":
            return {"name": f"projects/{NUMBER}/secrets/{resource.inputs['secretId']}"}
        case "gcp:secretmanager/secretVersion:SecretVersion":
            return {"version": "1"}
        case "gcp:serviceaccount/account:Account":
            email = f"{resource.inputs['accountId']}@{PROJECT}.iam.gserviceaccount.com"
            return {"email": email, "member": f"serviceAccount:{email}"}
        case "gcp:iam/workloadIdentityPool:WorkloadIdentityPool":
            pool = resource.inputs["workloadIdentityPoolId"]
            return {"name": f"projects/{NUMBER}/locations/global/workloadIdentityPools/{pool}"}
        case "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider":
            pool, name = resource.inputs["workloadIdentityPoolId"], resource.inputs["workloadIdentityPoolProviderId"]
            return {"name": f"projects/{NUMBER}/locations/global/workloadIdentityPools/{pool}/providers/{name}"}
        case "gcp:organizations/project:Project":
            return {"number": NUMBER}
        case _:
            return {}


def run_of(settings: Settings, extra: Outputs = lambda _: {}) -> Run:
    """What the stack of `settings` declares."""

    def program() -> None:
        if settings.stack == "bootstrap":
            from infra.gcp.bootstrap import build
        else:
            from infra.gcp.platform import build
        pulumi.export("gcp", dict(build(settings)))

    return declared(program, stack=settings.stack, outputs=lambda each: {**outputs(each), **extra(each)})


@functools.cache
def stack(name: str) -> Run:
    """One of the stacks, as its environment makes it."""
    return run_of(settings_of(name))


@functools.cache
def access(mode: str) -> Run:
    """Staging with one of the ways to the gateway, of which public is its own."""
    if mode == "public":
        return stack("staging")
    configs: dict[str, Mapping[str, Any]] = {
        "loadbalancer": {"domain": "aex.example.org"},
        "iam": {"access": "iam", "invokers": ["group:people@example.org"]},
    }
    return run_of(settings_of("staging", configs[mode]))


def container(service: Resource) -> dict[str, Any]:
    """The only container of a Cloud Run service."""
    (found,) = service.inputs["template"]["containers"]
    return found


def environment(service: Resource) -> dict[str, Any]:
    """Plain variables by name."""
    return {each["name"]: each["value"] for each in container(service)["envs"] if "value" in each}


SERVICE = "gcp:cloudrunv2/service:Service"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
