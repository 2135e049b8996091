"""Whole stacks on AWS under the strict mocks, each declared once per test run."""

import base64
import functools
import json
from collections.abc import Mapping
from typing import Any

import pulumi

from infra.components.image import content_hash
from infra.config import Settings, load
from tests.infra.mocks import Answers, Outputs, Resource, Run, declared
from tests.infra.secrets_in_inputs import SECRET_MARK, made_secret

ACCOUNT = "123456789012"
REGION = "us-east-1"
DIGEST = "sha256:" + "0" * 64
IMAGES = {
    "source": "prebuilt",
    "digests": dict.fromkeys(
        (
            "aex-gateway",
            "aex-work-publisher",
            "aex-bid-gateway",
            "aex-bid-evaluator",
            "aex-contract-engine",
            "aex-provider-registry",
            "aex-trust-broker",
            "aex-identity",
            "aex-settlement",
            "aex-telemetry",
        ),
        DIGEST,
    ),
}
GITHUB = {"owner": "acme", "repository": "agent-exchange", "ownerId": 123, "repositoryId": 456}

ANSWERS: Answers = {
    "aws:index/getCallerIdentity:getCallerIdentity": lambda _: {
        "accountId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/test",
        "id": ACCOUNT,
        "userId": "AIDATEST",
    },
    "aws:index/getAvailabilityZones:getAvailabilityZones": lambda _: {
        "names": [f"{REGION}{zone}" for zone in "bac"],
        "zoneIds": ["use1-az2", "use1-az1", "use1-az3"],
        "groupNames": [REGION],
        "id": REGION,
        "region": REGION,
    },
    "aws:route53/getZone:getZone": lambda args: {"zoneId": "Z0EXAMPLE", "name": args["name"], "id": "Z0EXAMPLE"},
    "aws:secretsmanager/getSecret:getSecret": lambda args: {
        "arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{args['name']}-AbCdEf",
        "name": args["name"],
        "id": args["name"],
    },
}

FOUNDATION = {
    "vpcId": "vpc-staging",
    "publicSubnets": ["subnet-public-a", "subnet-public-b"],
    "privateSubnets": ["subnet-private-a", "subnet-private-b"],
    "dataSubnets": ["subnet-data-a", "subnet-data-b"],
    "zones": [f"{REGION}a", f"{REGION}b"],
    "s3PrefixList": "pl-s3",
    "endpoints": "sg-endpoints",
    "databaseGroup": "sg-docdb",
    "databaseEndpoint": "staging.docdb.example",
    "masterSecret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-1234-AbCdEf",
}
ANSWERS = {
    **ANSWERS,
    "pulumi:pulumi:StackReference": lambda _: {
        "outputs": {"aws": {"foundation": FOUNDATION}},
        "secretOutputNames": ["aws"],
    },
}

STACKS: Mapping[str, Mapping[str, Any]] = {
    "staging": {},
    "production": {
        "domain": "aex.example.org",
        "alarms": {"emails": ["oncall@example.org"]},
        "budget": {"monthlyUsd": 1500, "emails": ["finance@example.org"]},
    },
    "pr-12": {},
}


def settings_of(stack: str, aws: Mapping[str, Any] | None = None, **more: Any) -> Settings:
    """Settings of a stack on AWS alone, with prebuilt images."""
    values = {
        "clouds": ["aws"],
        "image": IMAGES,
        "aws": dict(aws if aws is not None else STACKS.get(stack, {})),
        **more,
    }
    return load({"aws:region": REGION, **{f"agent-exchange:{key}": value for key, value in values.items()}}, stack)


def outputs(resource: Resource) -> Mapping[str, Any]:
    """What AWS would add to the inputs of some resources, in the form that the program needs."""
    match resource.type:
        case "random:index/randomBytes:RandomBytes":
            seed = (resource.name * 32)[:32].encode()
            return {
                "base64": made_secret(base64.b64encode(seed).decode()),
                "hex": made_secret(f"{SECRET_MARK}{resource.name}.hex"),
            }
        case "aws:docdb/cluster:Cluster":
            arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-1234-AbCdEf"
            return {"masterUserSecrets": [{"secretArn": arn, "kmsKeyId": "key", "secretStatus": "active"}]}
        case "aws:acm/certificate:Certificate":
            name = f"_proof.{resource.inputs['domainName']}."
            option = {"domainName": resource.inputs["domainName"], "resourceRecordName": name}
            return {
                "domainValidationOptions": [{**option, "resourceRecordType": "CNAME", "resourceRecordValue": "_x.aws."}]
            }
        case _:
            return {}


def run_of(settings: Settings, extra: Outputs = lambda _: {}) -> Run:
    """What the stack of `settings` declares."""
    from infra.aws.platform import build

    def program() -> None:
        pulumi.export("aws", dict(build(settings)))

    return declared(
        program,
        stack=settings.stack,
        outputs=lambda resource: {**outputs(resource), **extra(resource)},
        answers=ANSWERS,
    )


@functools.cache
def stack(name: str) -> Run:
    """One of the stacks, as its environment makes it."""
    return run_of(settings_of(name))


@functools.cache
def built() -> tuple[Run, str]:
    """Staging with images that are built here, and the hash of what they were built from at that moment."""
    return run_of(settings_of("staging", image={})), content_hash("linux/amd64")


def containers(definition: Resource) -> dict[str, Any]:
    """The only container of a task definition."""
    (container,) = json.loads(definition.inputs["containerDefinitions"])
    return container


@functools.cache
def bootstrap(provider_arn: str | None = None) -> Run:
    """The stack `bootstrap`, with the account's own OIDC provider or a new one."""
    from infra.aws.bootstrap import build

    settings = settings_of(
        "bootstrap", {"githubProviderArn": provider_arn} if provider_arn else {}, github=GITHUB, image={}
    )
    return declared(
        lambda: pulumi.export("aws", dict(build(settings))), stack="bootstrap", outputs=outputs, answers=ANSWERS
    )
