"""`make sbom`: what the images and the platform are made of, as CycloneDX 1.5, from the two locks.

The same locks give the same files: no serial number, no time. With `--image NAME` the packages of Debian that the files
of a built image came from are in the image's list, too; they depend on the base image and are known only afterwards.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from tools import uv
from tools.checkout import Checkout
from tools.console import Step
from tools.process import SetupError, environment, run

FOLDER = "sbom"
FORMAT = "cyclonedx1.5"
Bill = dict[str, object]


def main(arguments: list[str] | None = None) -> int:
    """Write both files; 1 when that was not possible."""
    parser = argparse.ArgumentParser(prog="python -m tools.sbom", description=__doc__)
    parser.add_argument("--image", help="a built image, by name or digest; needs the Docker engine that has it")
    parser.add_argument("--folder", type=Path, help="where the files go (default: sbom/ in the checkout)")
    chosen = parser.parse_args(arguments)
    checkout = Checkout.here()
    folder = cast("Path", chosen.folder or checkout.root / FOLDER)
    try:
        with Step("uv") as step:
            program = uv.ensure(checkout, step)
        platform = exported(program, checkout.root)
        image = image_bill(exported(program, checkout.root / "app"), checkout.root / "app")
        if chosen.image:
            _parts(image).extend(debian(packages_of(str(chosen.image))))
    except SetupError as error:
        print(f"No bill of materials: {error}", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, bill in (("platform", platform), ("image", image)):
        file = folder / f"{name}.cdx.json"
        file.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")
        print(f"{file}: {len(_parts(bill))} components")
    return 0


def exported(program: Path, project: Path) -> Bill:
    """The packages that a project's lock installs, with the hashes of their files."""
    command = [str(program), "export", "--frozen", "--no-dev", "--no-emit-project", "--format", FORMAT, "--quiet"]
    # A preview of uv's, as it says on its second stream, which `run` would put into the middle.
    env = environment(UV_PROJECT_ENVIRONMENT=None, VIRTUAL_ENV=None, UV_PREVIEW_FEATURES="sbom-export")
    text = run(command, cwd=project, env=env, remedy=f"See that {project / 'uv.lock'} is what `uv lock` makes.")
    bill = cast("Bill", json.loads(text))
    del bill["serialNumber"]
    del cast("Bill", bill["metadata"])["timestamp"]
    return bill


def image_bill(bill: Bill, app: Path) -> Bill:
    """The services' packages, and what else the Dockerfile puts into an image."""
    base = re.search(r"^ARG BASE=(\S+?):(\S+?)@sha256:([0-9a-f]{64})$", (app / "Dockerfile").read_text(), re.MULTILINE)
    if base is None:
        raise SetupError("app/Dockerfile names no base image by digest", "Pin BASE as <name>:<tag>@sha256:<digest>.")
    name, tag, digest = base.groups()
    authorities = app / "certificates" / "aws-database-ca.pem.sha256"
    checksum, file = authorities.read_text().split()
    _parts(bill).extend(
        [
            {
                "type": "container",
                "bom-ref": f"{name}@{tag}",
                "name": name,
                "version": tag,
                "purl": f"pkg:docker/{name}@sha256%3A{digest}?tag={tag}",
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
            {"type": "file", "bom-ref": file, "name": file, "hashes": [{"alg": "SHA-256", "content": checksum}]},
        ]
    )
    subject = cast("Bill", cast("Bill", bill["metadata"])["component"])
    subject["type"] = "container"
    return bill


def packages_of(image: str) -> str:
    """The list of Debian's packages in a built image."""
    remedy = f"See that the Docker engine runs and has {image}: `make docker-build` builds the images."
    container = run(["docker", "create", image], remedy=remedy).split()[-1]
    try:
        copy = ["docker", "cp", f"{container}:/var/lib/dpkg/status", "-"]
        copied = subprocess.run(copy, capture_output=True, check=False)
    finally:
        run(["docker", "rm", container], remedy=remedy)
    if copied.returncode:
        raise SetupError(f"{image} has no list of packages", "Name an image that this repository built.")
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        return file.read().decode(errors="replace") if file else ""


def debian(status: str) -> Iterator[Bill]:
    """A component for each entry of dpkg's list."""
    for entry in re.split(r"\n\n", status):
        facts = dict(re.findall(r"^(Package|Version|Architecture): (\S+)$", entry, re.MULTILINE))
        if len(facts) == 3:
            name, version = facts["Package"], facts["Version"]
            quoted = version.replace(":", "%3A").replace("+", "%2B")
            purl = f"pkg:deb/debian/{name}@{quoted}?arch={facts['Architecture']}"
            yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _parts(bill: Bill) -> list[Bill]:
    return cast("list[Bill]", bill["components"])


if __name__ == "__main__":
    sys.exit(main())
