"""Deploys a stack from a workflow: builds the images and keeps them for the next stack, or takes those that were kept.

    python -m infra.ops.pipelines.deploy --stack staging --version v1.2.0 --save images
    python -m infra.ops.pipelines.deploy --stack production --version v1.2.0 --images images
    python -m infra.ops.pipelines.deploy --stack production     # what it runs already, by this commit's program

What is decided here goes into the stack's config for this run and no further: the repository's stays as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.components.catalog import CATALOG
from infra.config.general import ImageSource
from infra.ops import engine
from infra.ops.config_file import Edit, apply
from infra.ops.faults import OpsError, UsageFault
from infra.ops.pipelines import images
from infra.ops.pipelines.preview import POLICIES

REGISTRIES: Final = ("**:Platform::*", "**:Encryption**", "**:Registry**")
"""URNs of the registries and of what they need, on whatever cloud: images are put there before anything runs them."""

SERVICE: Final = ("**:Image**::{}*", "**:Service**::{}*")
"""URNs of one service: its image, and everything that runs it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy; the exit code is the engine's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--version", default="", help="the release, which becomes a tag")
    parser.add_argument("--service", default="", help="only this service")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--save", type=Path, help="build, and keep the images here")
    where.add_argument("--images", type=Path, help="deploy the images that were kept here")
    options = parser.parse_args(arguments)
    try:
        return deploy(options.stack, options.version, options.service, options.save, options.images)
    except OpsError as error:
        print(error, file=sys.stderr)
        return error.code


def deploy(stack: str, version: str, service: str, save: Path | None, kept: Path | None) -> int:
    """Run the engine, once or (for a registry that images are to be put into) twice."""
    if service and service not in CATALOG.names:
        raise UsageFault(f"there is no service {service!r}", f"Take one of {', '.join(sorted(CATALOG.names))}.")
    targets = [f"--target={urn.format(service)}" for urn in SERVICE] if service else []
    if kept is not None:
        code = _up(stack, *(f"--target={urn}" for urn in REGISTRIES))
        if code:
            return code
        _pin(stack, images.push(stack, kept, version))
    elif save is None:
        _pin(stack, images.running(stack))
    elif version:
        apply(stack, [Edit("image.version", version)])
    code = _up(stack, *targets)
    if code == 0 and save is not None:
        images.save(stack, save)
    return code


def _pin(stack: str, digests: Mapping[str, str]) -> None:
    if digests:
        each = [Edit(f"image.digests.{service}", digest) for service, digest in digests.items()]
        apply(stack, [Edit("image.source", ImageSource.PREBUILT.value), *each])


def _up(stack: str, *options: str) -> int:
    return engine.run(stack, "up", "--yes", "--skip-preview", "--policy-pack", POLICIES, *options)


if __name__ == "__main__":
    sys.exit(main())
