"""What each stack on AWS consists of, as files that reviewers read: `make inventory` writes them, the tests compare."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.infra.aws import stacks
from tests.infra.mocks import Run

FOLDER = Path(__file__).resolve().parents[2] / "inventory"

PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "aws:docdb/cluster:Cluster": (
        "backupRetentionPeriod",
        "deletionProtection",
        "enabledCloudwatchLogsExports",
        "engineVersion",
        "skipFinalSnapshot",
        "storageEncrypted",
    ),
    "aws:docdb/clusterInstance:ClusterInstance": ("availabilityZone", "instanceClass"),
    "aws:ec2/subnet:Subnet": ("availabilityZone", "cidrBlock"),
    "aws:ecr/repository:Repository": ("forceDelete", "imageTagMutability", "name"),
    "aws:ecs/service:Service": ("capacityProviderStrategies", "desiredCount", "enableExecuteCommand", "name"),
    "aws:ecs/taskDefinition:TaskDefinition": ("cpu", "memory", "runtimePlatform"),
    "aws:appautoscaling/target:Target": ("minCapacity", "maxCapacity"),
    "aws:cloudwatch/logGroup:LogGroup": ("name", "retentionInDays"),
    "aws:kms/key:Key": ("deletionWindowInDays", "enableKeyRotation"),
    "aws:lb/listener:Listener": ("port", "protocol", "sslPolicy"),
    "aws:lb/loadBalancer:LoadBalancer": ("dropInvalidHeaderFields", "enableDeletionProtection", "internal"),
    "aws:s3/bucket:Bucket": ("bucket", "forceDestroy"),
    "aws:secretsmanager/secret:Secret": ("name", "recoveryWindowInDays"),
    "aws:iam/role:Role": ("name", "permissionsBoundary"),
    "aws:wafv2/webAcl:WebAcl": ("scope",),
}
"""Type -> the properties that a reviewer should see change."""

STACKS = {
    "staging": lambda: stacks.stack("staging"),
    "production": lambda: stacks.stack("production"),
    "ephemeral": lambda: stacks.stack("pr-12"),
    "bootstrap": lambda: stacks.bootstrap(),
}


def described(run: Run) -> dict[str, Any]:
    """Type -> count and, by name, the properties that matter."""
    found: dict[str, Any] = {}
    for token, count in run.inventory().items():
        entry: dict[str, Any] = {"count": count}
        shown = {
            each.name: {key: each.inputs[key] for key in PROPERTIES.get(token, ()) if key in each.inputs}
            for each in sorted(run.of(token), key=lambda resource: resource.name)
        }
        if token in PROPERTIES:
            entry["resources"] = shown
        found[token] = entry
    return {"total": sum(run.inventory().values()), "types": found}


def text(name: str) -> str:
    """The file of one stack."""
    header = (
        f"# What stack {name} declares on AWS. Written by `make inventory`; read the difference before you commit it.\n"
    )
    return header + yaml.safe_dump(described(STACKS[name]()), sort_keys=True, width=120)


def path(name: str) -> Path:
    return FOLDER / f"aws-{name}.yaml"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in STACKS:
        path(name).write_text(text(name))
        print(f"wrote {path(name)}", file=sys.stderr)


if __name__ == "__main__":
    main()
