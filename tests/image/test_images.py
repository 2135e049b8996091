"""The ten images: built, pushed, pulled back, run as tightly as in the clouds, traded on, stopped."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.components.catalog import CATALOG
from infra.components.image import USER_ID
from tests.flow.conftest import assert_every_invariant_holds
from tests.flow.test_trade import trade
from tests.image.containers import HELD, Containers
from tests.image.docker import APP, CLIENT, Docker, value

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

LARGEST_MB = 185
"""Of files, on the base image of these tests; 166 when it was set."""

LARGEST_COMPRESSED_MB = 62
"""What is pushed and pulled; 54 when it was set."""

GRACE_SECONDS = 8
"""The shortest time that a cloud gives between SIGTERM and SIGKILL is ten (Cloud Run)."""


@dataclass(frozen=True)
class Built:
    """The ten images, by service."""

    names: Mapping[str, str]
    """As built: with a tag, in the engine."""
    pinned: Mapping[str, str]
    """As pulled back: by digest."""
    manifests: Mapping[str, dict[str, object]]
    context: Path
    """The code as it was when the first was built."""


@pytest.fixture(scope="module")
def built(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build and push all ten, remove them from the engine, and pull them back by digest."""
    context = tmp_path_factory.mktemp("context") / "app"
    shutil.copytree(APP, context, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    names = {service: f"{docker.registry}/agent-exchange/{service}:test" for service in CATALOG.names}
    for service, name in names.items():
        start = time.monotonic()
        docker.build(service, name, context)
        print(f"{service}: built in {time.monotonic() - start:.1f} s")
    pinned: dict[str, str] = {}
    manifests: dict[str, dict[str, object]] = {}
    for service, name in names.items():
        docker.run("push", name)
        digest, manifests[service] = docker.manifest(f"agent-exchange/{service}", "test")
        pinned[service] = f"{name.rpartition(':')[0]}@{digest}"
    docker.run("image", "rm", *names.values())
    for service, name in pinned.items():
        docker.run("pull", "--quiet", name)
        docker.run("tag", name, names[service])
    return Built(names, pinned, manifests, context)


@pytest.fixture(scope="module")
def files(docker: Docker, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everything that is in one of the images."""
    folder = tmp_path_factory.mktemp("files")
    container = docker.run("create", built.pinned["aex-identity"])
    try:
        export = subprocess.Popen([CLIENT, "export", container], env=docker.environment, stdout=subprocess.PIPE)
        subprocess.run(["tar", "--extract", "--directory", str(folder)], stdin=export.stdout, check=True)
        assert export.wait() == 0
        yield folder
    finally:
        docker.run("rm", container)
        shutil.rmtree(folder)


def test_the_ten_share_every_layer_but_the_last_which_names_the_service(docker: Docker, built: Built) -> None:
    layers = {name: value(docker.inspect(image), "RootFS", "Layers") for name, image in built.pinned.items()}
    first = layers["aex-gateway"]
    assert isinstance(first, list) and len(first) >= 4
    for name, each in layers.items():
        assert isinstance(each, list) and each[:-1] == first[:-1], f"{name} shares no layers"
    assert len({str(each) for each in layers.values()}) == len(CATALOG.names), "the last layer names the service"


def test_what_an_image_says_about_itself(docker: Docker, built: Built) -> None:
    for name, image in built.pinned.items():
        config = value(docker.inspect(image), "Config")
        assert isinstance(config, dict)
        assert config["User"] == f"{USER_ID}:{USER_ID}"
        assert config["Entrypoint"] is None, "the clouds give commands whole"
        assert config["Cmd"] == ["python", "-m", "aex", "serve"], "exec form, so that the service is process 1"
        assert {f"AEX_SERVICE={name}", "HOST=0.0.0.0", "PYTHONUNBUFFERED=1"} <= set(config["Env"])
        assert config["Healthcheck"]["Test"][:3] == ["CMD", "python", "-c"]
        labels = config["Labels"]
        assert labels["org.opencontainers.image.title"] == name
        assert set(labels) >= {f"org.opencontainers.image.{key}" for key in ("description", "vendor", "base.name")}


def test_the_images_are_small(docker: Docker, built: Built) -> None:
    size = int(str(docker.inspect(built.pinned["aex-gateway"])["Size"])) / 1e6
    layers = built.manifests["aex-gateway"]["layers"]
    assert isinstance(layers, list)
    compressed = sum(layer["size"] for layer in layers) / 1e6
    print(f"{size:.1f} MB, {compressed:.1f} MB compressed")
    assert size < LARGEST_MB
    assert compressed < LARGEST_COMPRESSED_MB


def test_a_second_build_does_nothing(docker: Docker, built: Built) -> None:
    before = docker.inspect(built.names["aex-gateway"])["Id"]
    start = time.monotonic()
    said = docker.build("aex-gateway", f"{docker.registry}/again:test", built.context)
    print(f"second build: {time.monotonic() - start:.1f} s")
    assert docker.inspect(f"{docker.registry}/again:test")["Id"] == before
    steps = re.findall(r"^#(\d+) \[.*\] (?:COPY|RUN|WORKDIR)", said, re.MULTILINE)
    assert steps and set(steps) <= set(re.findall(r"^#(\d+) CACHED", said, re.MULTILINE))


def test_nothing_is_in_an_image_but_what_services_need(files: Path) -> None:
    for program in ("sh", "bash", "apt", "pip", "pip3", "uv", "curl", "wget", "perl"):
        assert not [found for found in files.rglob(f"bin/{program}")], program
    assert not list(files.rglob("site-packages/pip")) and not list(files.rglob("ensurepip"))
    leftovers = [path for path in files.rglob("*") if path.suffix in {".pyx", ".pyi", ".c", ".h", ".a"}]
    assert not [path for path in leftovers if path.is_file()]
    risky = [path for path in files.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o6002]
    risky = [path for path in risky if not path.is_relative_to(files / "dev")]
    assert risky == [files / "tmp"], "no file gives its user more rights, none but /tmp can be written by everybody"
    owned = [path for path in files.rglob("*") if path.lstat().st_uid == USER_ID]
    assert not owned, "the services cannot change what they are"


def test_everything_is_compiled(files: Path) -> None:
    sources = [path for path in (files / "opt" / "app").rglob("*.py")]
    assert len(sources) > 100
    for source in sources:
        compiled = list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc"))
        assert len(compiled) == 1, source
        assert compiled[0].read_bytes()[4] == 1, f"{compiled[0]} is compared with its source at each start"


def test_an_image_holds_no_secrets(docker: Docker, built: Built, files: Path) -> None:
    history = docker.run("history", "--no-trunc", built.names["aex-identity"])
    assert not re.search(r"BEGIN|password|token=|aexk_", history)
    assert not (files / "run" / "secrets").exists(), "the build's own authorities stay out"
    pems = {path.relative_to(files).as_posix() for path in files.rglob("*.pem") if path.is_file()}
    assert {name for name in pems if not name.startswith("opt/aex/")} == {"etc/aex/aws-database-ca.pem"}
    keys = [path for path in files.rglob("*.pem") if path.is_file() and "PRIVATE KEY" in path.read_text()]
    assert not keys and not list(files.rglob(".env*")) and not list(files.rglob(".git"))


def test_scanners_find_what_the_files_came_from(files: Path) -> None:
    packages = set(re.findall(r"^Package: (.+)$", (files / "var/lib/dpkg/status").read_text(), re.MULTILINE))
    assert packages >= {"libc6", "libssl3", "libsqlite3-0"}
    assert packages.isdisjoint({"apt", "dpkg", "perl-base", "bash"}), "they are not there, so nobody has to mend them"
    assert (files / "etc/os-release").exists()
    assert list(files.glob("opt/aex/lib/python3.*/site-packages/fastapi-*.dist-info/METADATA"))


LOADED = {
    "AWS": "import boto3; [boto3.client(s, region_name='eu-central-1') for s in ('secretsmanager', 's3', 'sts')]",
    "the database's authorities": "import ssl; ssl.create_default_context(cafile='/etc/aex/aws-database-ca.pem')",
    "the internet's authorities": "import ssl; assert len(ssl.create_default_context().get_ca_certs()) > 100",
    "the libraries": "import google.cloud.firestore, pymongo, grpc, aiohttp, uvloop, sqlite3, cryptography.x509",
    "tracing": "import opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "names": "import socket; assert socket.getaddrinfo('localhost', 80)",
    "all our code": "import aex, importlib, pkgutil\n"
    "for module in pkgutil.walk_packages(aex.__path__, 'aex.'):\n"
    "    if not module.name.endswith('__main__'): importlib.import_module(module.name)",
}


@pytest.mark.parametrize("program", LOADED.values(), ids=LOADED)
def test_what_services_load_is_there(docker: Docker, built: Built, program: str) -> None:
    docker.run("run", "--rm", *HELD, built.pinned["aex-identity"], "python", "-c", program)


def test_an_unknown_service_is_refused_by_the_build(docker: Docker, built: Built) -> None:
    said = docker.build("aex-nobody", f"{docker.registry}/nobody:test", built.context, fails=True)
    assert "there is no service 'aex-nobody'; the ten are: gateway" in said


def test_ten_containers_trade_are_healthy_and_stop_in_time(docker: Docker, built: Built, tmp_path: Path) -> None:
    exchange = Containers(tmp_path, docker, built.pinned)
    start = time.monotonic()
    try:
        asyncio.run(exchange.start())
        print(f"ten containers ready: {time.monotonic() - start:.1f} s")
        assert trade(exchange)["completed"]["status"] == "COMPLETED"
        deadline = time.monotonic() + 90
        for name in CATALOG.names:
            while (
                health := value(docker.inspect(exchange.container(name)), "State", "Health", "Status")
            ) == "starting":
                assert time.monotonic() < deadline, f"{name} is still starting"
                time.sleep(0.5)
            assert health == "healthy", f"{name}: {docker.inspect(exchange.container(name))['State']}"
        for name in CATALOG.names:
            start = time.monotonic()
            assert exchange.terminate(name) == 0, exchange.log(name)[-2000:]
            assert time.monotonic() - start < GRACE_SECONDS
    finally:
        exchange.stop()
    logs = {name: exchange.log(name) for name in CATALOG.names}
    assert not [name for name, log in logs.items() if exchange.operator_key in log], "keys are never logged"
    assert_every_invariant_holds(exchange.data)


def test_a_stop_during_the_start_is_heard_too(docker: Docker, built: Built) -> None:
    settings = ["--env=ENVIRONMENT=local", "--env=AEX_SERVICE_AUTH=off", "--env=PORT=0"]
    container = docker.run("run", "--detach", *HELD, *settings, built.pinned["aex-telemetry"])
    try:
        pid = value(docker.inspect(container), "State", "Pid")
        deadline = time.monotonic() + 60
        while not heeds_sigterm(Path(f"/proc/{pid}/status")):
            assert time.monotonic() < deadline, docker.run("logs", container)
            time.sleep(0.01)
        start = time.monotonic()
        assert not docker.run("logs", container), "it has not come as far as its first line"
        docker.run("stop", "--time=10", container)
        assert time.monotonic() - start < GRACE_SECONDS
        assert value(docker.inspect(container), "State", "ExitCode") == 0, docker.run("logs", container)
    finally:
        docker.run("rm", "--force", container)


def heeds_sigterm(status: Path) -> bool:
    """Whether a process has a handler for SIGTERM; without one, process 1 of a container ignores it."""
    caught = re.search(r"^SigCgt:\t([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    return bool(caught and int(caught[1], 16) & 1 << (signal.SIGTERM - 1))


def test_the_default_command_serves_the_service_of_the_image(docker: Docker, built: Built) -> None:
    said = docker.run("run", "--rm", *HELD, built.pinned["aex-settlement"], fails=True)
    assert said.startswith("aex-settlement cannot start:"), "without settings it says what is missing"
