"""What each stack on Google Cloud consists of, as files that reviewers read: `make inventory` writes, tests compare."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.infra.gcp import stacks
from tests.infra.mocks import Run

FOLDER = Path(__file__).resolve().parents[2] / "inventory"

PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "gcp:artifactregistry/repository:Repository": ("location", "repositoryId"),
    "gcp:cloudrunv2/service:Service": ("deletionProtection", "ingress", "invokerIamDisabled", "name", "scaling"),
    "gcp:cloudscheduler/job:Job": ("name", "schedule"),
    "gcp:compute/firewall:Firewall": ("destinationRanges", "direction", "priority", "sourceRanges"),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": ("portRange",),
    "gcp:compute/subnetwork:Subnetwork": ("ipCidrRange", "privateIpGoogleAccess"),
    "gcp:firestore/database:Database": (
        "deleteProtectionState",
        "deletionPolicy",
        "locationId",
        "name",
        "pointInTimeRecoveryEnablement",
        "type",
    ),
    "gcp:firestore/index:Index": (),
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": ("attributeCondition",),
    "gcp:kms/cryptoKey:CryptoKey": ("destroyScheduledDuration", "name", "rotationPeriod"),
    "gcp:projects/iAMAuditConfig:IAMAuditConfig": ("service",),
    "gcp:projects/service:Service": ("disableOnDestroy",),
    "gcp:secretmanager/secret:Secret": ("deletionProtection", "secretId"),
    "gcp:serviceaccount/account:Account": ("accountId",),
    "gcp:storage/bucket:Bucket": ("forceDestroy", "name", "publicAccessPrevention"),
}
"""Type -> the properties that a reviewer should see change."""

STACKS = {
    "staging": lambda: stacks.stack("staging"),
    "production": lambda: stacks.stack("production"),
    "ephemeral": lambda: stacks.stack("pr-12"),
    "bootstrap": lambda: stacks.stack("bootstrap"),
}


def described(run: Run) -> dict[str, Any]:
    """Type -> count and, by name, the properties that matter."""
    found: dict[str, Any] = {}
    for token, count in run.inventory().items():
        entry: dict[str, Any] = {"count": count}
        if token in PROPERTIES:
            entry["resources"] = {
                each.name: {key: each.inputs[key] for key in PROPERTIES[token] if key in each.inputs}
                for each in sorted(run.of(token), key=lambda resource: resource.name)
            }
        found[token] = entry
    return {"total": sum(run.inventory().values()), "types": found}


def text(name: str) -> str:
    """The file of one stack."""
    header = (
        f"# What stack {name} declares on Google Cloud. Written by `make inventory`; read the difference before you "
        "commit it.\n"
    )
    return header + yaml.safe_dump(described(STACKS[name]()), sort_keys=True, width=120)


def path(name: str) -> Path:
    return FOLDER / f"gcp-{name}.yaml"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in STACKS:
        path(name).write_text(text(name))
        print(f"wrote {path(name)}", file=sys.stderr)


if __name__ == "__main__":
    main()
