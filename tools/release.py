"""Downloading the official Pulumi release, checked against its published checksums, where the network allows it."""

from __future__ import annotations

import hashlib
import platform
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from tools import versions
from tools.console import Step

# Where there is no way out, the first connection says so: do not keep the user waiting for it.
CONNECT_SECONDS = 5.0
ARCHIVES = "https://get.pulumi.com/releases/sdk"
GITHUB = "https://github.com/pulumi/pulumi/releases/download"
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
DIGESTS = {64: "sha256", 128: "sha512"}
CHUNK = 1 << 20


def archive_name(version: versions.Version, system: str, machine: str) -> str | None:
    """Name the release's archive for a platform, or None where there is none."""
    if system not in SYSTEMS or machine not in MACHINES:
        return None
    return f"pulumi-v{versions.show(version)}-{SYSTEMS[system]}-{MACHINES[machine]}.tar.gz"


def published_digest(listing: str, name: str) -> str | None:
    """Find a file's digest in a checksum listing (`<hex>  <name>` a line)."""
    for line in listing.splitlines():
        digest, _, file = line.partition(" ")
        if file.strip().lstrip("*./") == name and len(digest) in DIGESTS:
            return digest.lower()
    return None


def download(version: versions.Version, target: Path, step: Step) -> bool:
    """Fetch and unpack the release into `target`; False if it cannot be had, or cannot be verified."""
    name = archive_name(version, platform.system(), platform.machine())
    if name is None:
        return False
    try:
        step.progress("looking for the official release")
        expected = _expected_digest(version, name)
        if expected is None:
            return False
        step.progress("downloading the official release")
        archive = target.parent / name
        actual = _fetch(f"{ARCHIVES}/{name}", archive, DIGESTS[len(expected)])
    except (OSError, TimeoutError) as error:
        step.note(f"the official release cannot be reached ({_reason(error)})")
        return False
    if actual != expected:
        step.note(f"{name} does not have its published checksum: not used")
        archive.unlink()
        return False
    with tarfile.open(archive) as content:
        content.extractall(target.parent, filter="data")
    archive.unlink()
    (target.parent / "pulumi").rename(target)
    return True


def _expected_digest(version: versions.Version, name: str) -> str | None:
    for listing in (f"pulumi-{versions.show(version)}-checksums.txt", "SHA512SUMS"):
        try:
            with urllib.request.urlopen(
                f"{GITHUB}/v{versions.show(version)}/{listing}", timeout=CONNECT_SECONDS
            ) as said:
                digest = published_digest(said.read().decode(), name)
        except urllib.error.HTTPError as error:
            if error.code != 404:  # 404: this release has the other kind of listing
                raise
        else:
            if digest:
                return digest
    return None


def _fetch(url: str, target: Path, algorithm: str) -> str:
    """Download a file, and give its digest."""
    digest = hashlib.new(algorithm)
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as source, target.open("wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error)
