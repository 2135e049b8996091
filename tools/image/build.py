"""`make docker-build`: the ten images on this machine, to look at or to run; a deployment builds its own.

Needs a Docker engine with BuildKit. The tag is the one that a deployment would give; nothing is pushed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import cast

from infra.components.catalog import CATALOG
from infra.components.image import APP, content_hash, image_tag
from tools.console import Step
from tools.process import SetupError, environment, run

REMEDY = (
    "A build needs a running Docker engine (DOCKER_HOST), the base image's registry and PyPI. Behind a proxy that "
    "reads TLS: ARGS=--ca=/etc/ssl/certs/ca-certificates.crt. Without the registry: ARGS=--base=<an image with Python>."
)


def main(arguments: list[str] | None = None) -> int:
    """Build; 1 when that was not possible."""
    parser = argparse.ArgumentParser(prog="python -m tools.image.build", description=__doc__)
    parser.add_argument("services", nargs="*", metavar="service", help="which (default: all ten)")
    parser.add_argument("--platform", default="linux/amd64", help="as the cloud runs it (default: %(default)s)")
    parser.add_argument("--base", help="another base image than the Dockerfile's")
    parser.add_argument("--ca", type=Path, help="authorities to trust during the build; they stay out of the images")
    parser.add_argument("--network", help="the network of the build, such as host")
    parser.add_argument("--repository", default="agent-exchange", help="what names begin with (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    services = cast("list[str]", chosen.services) or list(CATALOG.names)
    if unknown := sorted(set(services) - set(CATALOG.names)):
        print(f"There is no service {', '.join(unknown)}; the ten are: {', '.join(CATALOG.names)}", file=sys.stderr)
        return 1
    content = content_hash(str(chosen.platform))
    try:
        for service in services:
            with Step(service) as step:
                name = f"{chosen.repository}/{service}:{image_tag(content, service)}"
                words = _words(chosen)
                _build([*words, "--build-arg", f"SERVICE={service}", "--tag", name, os.path.relpath(APP)], step)
                step.result(f"{name}, {_megabytes(name)} MB")
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _words(chosen: argparse.Namespace) -> list[str]:
    words = ["--platform", str(chosen.platform)]
    words += ["--build-arg", f"BASE={chosen.base}"] if chosen.base else []
    words += ["--secret", f"id=ca,src={chosen.ca}"] if chosen.ca else []
    return [*words, *(["--network", str(chosen.network)] if chosen.network else [])]


def _build(words: list[str], step: Step) -> None:
    env = environment(DOCKER_BUILDKIT="1", BUILDKIT_PROGRESS="plain")
    run(["docker", "build", *words], env=env, remedy=REMEDY, on_line=lambda line: step.progress(line.strip()[:80]))


def _megabytes(name: str) -> int:
    return int(run(["docker", "image", "inspect", "--format", "{{.Size}}", name], remedy=REMEDY)) // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
