"""Carries images from the stack that built them to another one's registry, byte for byte.

They travel as files, so that no stack's identity reads another's registry; a digest that changes is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from infra.ops import engine
from infra.ops.faults import OpsError, Unreachable
from infra.ops.pipelines.shell import ask

_MANIFEST = "manifest.json"


def save(stack: str, folder: Path) -> dict[str, str]:
    """Write the images that `stack` runs to `folder`, one folder a service. Gives service -> digest."""
    digests: dict[str, str] = {}
    for service, reference in sorted(_of_first_cloud(stack, "images").items()):
        target = folder / service
        target.mkdir(parents=True, exist_ok=True)
        ask("skopeo", "copy", "--preserve-digests", f"docker://{reference}", f"dir:{target}")
        digests[service] = digest(target)
        if not reference.endswith(f"@{digests[service]}"):
            raise OpsError(f"{reference} arrived as {digests[service]}", "Run the job again.")
    return digests


def push(stack: str, folder: Path, version: str) -> dict[str, str]:
    """Put the images of `folder` into the registries of `stack`, on each of its clouds. Gives service -> digest."""
    digests = {path.name: digest(path) for path in sorted(folder.iterdir()) if (path / _MANIFEST).is_file()}
    if not digests:
        raise OpsError(f"{folder} holds no image", "Save them first: the job `staging` does.")
    for cloud, outputs in engine.outputs(stack).items():
        registry = outputs.get("registry")
        if not isinstance(registry, dict):
            raise Unreachable(f"stack {stack} has no registry on {cloud} yet", f"Deploy it: `make up STACK={stack}`.")
        for service, repository in cast("Mapping[str, str]", registry).items():
            if service in digests and not _has(repository, digests[service]):
                tag = version or digests[service].removeprefix("sha256:")[:16]
                ask("skopeo", "copy", "--preserve-digests", f"dir:{folder / service}", f"docker://{repository}:{tag}")
    return digests


def running(stack: str) -> dict[str, str]:
    """Service -> digest of what `stack` runs; empty before its first deployment."""
    if not engine.outputs(stack):
        return {}
    return {service: each.rpartition("@")[2] for service, each in _of_first_cloud(stack, "images").items()}


def digest(folder: Path) -> str:
    """The digest of a saved image: of its manifest."""
    return f"sha256:{hashlib.sha256((folder / _MANIFEST).read_bytes()).hexdigest()}"


def _has(repository: str, wanted: str) -> bool:
    """Whether the registry has it: pushing a tag again is refused where tags cannot be moved."""
    try:
        ask("skopeo", "inspect", "--raw", f"docker://{repository}@{wanted}")
    except Unreachable:
        raise
    except OpsError:
        return False
    return True


def _of_first_cloud(stack: str, output: str) -> dict[str, str]:
    for outputs in engine.outputs(stack).values():
        found = outputs.get(output)
        if isinstance(found, dict) and found:
            return {str(key): str(value) for key, value in cast("Mapping[object, object]", found).items()}
    raise Unreachable(f"stack {stack} runs no images", f"Deploy it: `make up STACK={stack}`.")


__all__ = ["digest", "push", "running", "save"]
