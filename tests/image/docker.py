"""A Docker engine and a registry of the tests' own: on a socket and a port of theirs, ended by pid.

No hub is needed: one made from Debian's packages stands in for the base image that the Dockerfile names; it is kept in
the user's cache, beside the engine of Pulumi. As root on Debian, what is missing is installed; elsewhere `Missing` says
what it is. Containers use the host's network, so that the engine touches neither bridges nor the packet filter.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.checkout import Checkout, locked

CLIENT = "/usr/bin/docker"
"""Debian's own: another one that is earlier on PATH may lack what builds need."""

BASE = "aex-base:bookworm"
PROGRAMS = {
    "dockerd": "docker.io",
    CLIENT: "docker.io",
    "docker-registry": "docker-registry",
    "mmdebstrap": "mmdebstrap",
    "skopeo": "skopeo",
}
"""Program -> the Debian package that has it."""

BASE_PACKAGES = "ca-certificates,python3,python3-venv"
SUITE = "bookworm"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
APP = Path(__file__).parents[2] / "app"


class Missing(Exception):
    """Something that these tests need and this machine lacks."""


@dataclass
class Docker:
    """A running engine."""

    folder: Path
    registry: str
    """Host and port of the registry."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What clients need in order to find the engine."""
        return {**os.environ, "DOCKER_HOST": f"unix://{self.folder}/sock", "DOCKER_BUILDKIT": "1"}

    def run(self, *arguments: str, seconds: float = 170, fails: bool = False) -> str:
        """Run the client to its end and return what it said; it must succeed, or fail if told so."""
        done = subprocess.run(
            [CLIENT, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert (done.returncode != 0) == fails, f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}"
        return done.stdout.strip()

    def build(self, service: str, tag: str, context: Path = APP, *, seconds: float = 420, fails: bool = False) -> str:
        """Build one image as the Dockerfile says, on the stand-in for its base; return the log."""
        given = {"BASE": BASE, "SERVICE": service}
        words = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
        words += ["--secret", f"id=ca,src={AUTHORITIES}"] if AUTHORITIES.exists() else []
        command = ["build", "--progress=plain", "--network=host", *words, "--tag", tag, str(context)]
        return self.run(*command, seconds=seconds, fails=fails)

    def inspect(self, image: str) -> dict[str, object]:
        """What the engine knows about an image or a container."""
        found: list[dict[str, object]] = json.loads(self.run("inspect", image))
        return found[0]

    def manifest(self, repository: str, reference: str) -> tuple[str, dict[str, object]]:
        """(digest, manifest) of what the registry has under a tag or digest; fails when it has nothing."""
        request = urllib.request.Request(
            f"http://{self.registry}/v2/{repository}/manifests/{reference}",
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            body = answer.read()
        return f"sha256:{hashlib.sha256(body).hexdigest()}", json.loads(body)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Docker]:
    """Start engine and registry in `folder`, with the base image loaded; raise `Missing` where that cannot be."""
    install()
    base = base_image()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        docker = Docker(folder, f"127.0.0.1:{free.getsockname()[1]}")
    try:
        _start(docker)
        docker.run("import", str(base), BASE)
        yield docker
    finally:
        for process in reversed(docker.processes):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
            process.kill()
        # The host's network, which the engine has mounted for its containers, would keep the folder from being removed.
        subprocess.run(["umount", f"{folder}/exec/netns/default"], capture_output=True, check=False)


def install() -> None:
    """See that the programs are there; as root on Debian, install them."""
    lacking = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if os.geteuid() != 0:
        raise Missing("an own Docker engine needs root (dockerd, mmdebstrap): run these tests as root on Debian 12")
    if not lacking:
        return
    if not shutil.which("apt-get"):
        raise Missing(
            f"an own Docker engine needs {', '.join(sorted(lacking))}, and there is no apt-get to install them"
        )
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *sorted(lacking)]
    for command in (["apt-get", "update"], install):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"`{' '.join(command)}` failed, which an own Docker engine needs:\n{done.stderr[-800:]}")


def base_image() -> Path:
    """A root file system of Debian with Python, from the user's cache or made now (half a minute)."""
    cache = Checkout.here().cache
    name = hashlib.sha256(f"{SUITE} {BASE_PACKAGES}".encode()).hexdigest()[:12]
    archive = cache / "images" / f"{SUITE}-{name}.tar"
    with locked(cache):
        if not archive.exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            fresh = archive.with_suffix(f".{os.getpid()}.tar")
            command = ["mmdebstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, str(fresh)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                fresh.unlink(missing_ok=True)
                raise Missing(f"no base image can be made from Debian's packages:\n{done.stderr[-800:]}")
            fresh.rename(archive)
    return archive


def _start(docker: Docker) -> None:
    folder = docker.folder
    (folder / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{docker.registry}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}\n"
    )
    engine = ["dockerd", "--host", f"unix://{folder}/sock", "--pidfile", f"{folder}/pid", "--bridge=none"]
    engine += [
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--iptables=false",
        "--ip6tables=false",
    ]
    for command in (["docker-registry", "serve", f"{folder}/registry.yml"], engine):
        with (folder / f"{command[0]}.log").open("ab") as log:
            docker.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
    deadline = time.monotonic() + 60
    while not _ready(docker):
        for process in docker.processes:
            if process.poll() is not None:
                raise Missing(f"{process.args} ended with {process.returncode}:\n{_said(folder)}")
        if time.monotonic() > deadline:
            raise Missing(f"the Docker engine did not start within a minute:\n{_said(folder)}")
        time.sleep(0.1)


def _ready(docker: Docker) -> bool:
    try:
        with urllib.request.urlopen(f"http://{docker.registry}/v2/", timeout=1):
            pass
    except OSError:
        return False
    return subprocess.run([CLIENT, "info"], env=docker.environment, capture_output=True, check=False).returncode == 0


def _said(folder: Path) -> str:
    return "".join(file.read_text(errors="replace")[-800:] for file in folder.glob("*.log"))


def value(found: Mapping[str, object], *path: str) -> object:
    """Something deep inside an answer."""
    here: object = found
    for name in path:
        assert isinstance(here, dict), f"{name} of {path} is in no object"
        here = here[name]
    return here


__all__ = ["APP", "BASE", "CLIENT", "Docker", "Missing", "base_image", "install", "running", "value"]
