"""A copy of the project to deploy from, in which tests may change code, and its stack's `pulumi`.

The copy has its own state, data and ports, so that no test meets a developer's running stack. The two virtual
environments are the checkout's. `little_exchange` puts tiny services in the place of the real ones: tests of the
lifecycle are about processes and the engine, and ten of them start in half a second.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import yaml

from infra.components.catalog import CATALOG
from infra.local.identity import Identity
from tests.engine.runner import CHECKOUT, Runner, Summary, wait_until

STACK = "local"
_PROGRAM = ("infra", "Pulumi.yaml", "Pulumi.local.yaml", "pyproject.toml", "uv.lock")
_LITTLE_MAIN = '''\
"""A little service: answers like a service, and says which code and configuration it runs with."""

import http.server, importlib, json, os, signal, sys, threading

name = sys.argv[2]
package = name.removeprefix("aex-").replace("-", "_")
importlib.import_module(f"aex.{package}")
from aex.core import VERSION as core
print(f"{name} starts", flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"pid": os.getpid(), "core": core, "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        return


server = http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
'''


@dataclass
class Workshop(Runner):
    """One copy of the project, the local stack in it, and the ports that its services use."""

    stack: str = STACK
    base_port: int = 0

    # The stack's folder and what is in it.

    @property
    def folder(self) -> Path:
        """Data, logs and records of the stack."""
        return self.root / ".aex" / STACK

    @property
    def ports(self) -> dict[str, int]:
        """Service -> port."""
        first = min(service.port for service in CATALOG.services)
        return {service.name: service.port - first + self.base_port for service in CATALOG.services}

    # The command line.

    def up(self, *arguments: str, fails: bool = False) -> str:
        """`pulumi up` without questions."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, fails=fails)

    def preview(self, *arguments: str) -> Summary:
        """What an `up` would do."""
        output = self.pulumi("preview", "--json", *arguments)
        summary = cast("Summary", json.loads(output[output.index("{") :])["changeSummary"])
        return {operation: count for operation, count in summary.items() if operation != "same"}

    def preview_text(self) -> str:
        """What a preview shows to people, in full."""
        return self.pulumi("preview", "--diff", "--show-sames")

    def destroy(self) -> str:
        """`pulumi destroy` without questions."""
        return self.pulumi("destroy", "--yes", "--skip-preview")

    def set(self, section: str, key: str, value: object) -> None:
        """Set a key of a section of the stack's config (in the file, which is quicker than `pulumi config set`)."""
        file = self.root / f"Pulumi.{STACK}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"].setdefault(f"agent-exchange:{section}", {})[key] = value
        file.write_text(yaml.safe_dump(content))

    def outputs(self) -> Mapping[str, object]:
        """The outputs for this machine, secrets included."""
        output = self.pulumi("stack", "output", "--json", "--show-secrets")
        return cast("Mapping[str, object]", json.loads(output)["local"])

    # The services.

    def ask(self, service: str) -> dict[str, object]:
        """What a little service says about itself."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[service]}/health", timeout=5) as answer:
            return cast("dict[str, object]", json.load(answer))

    def pids(self) -> dict[str, int]:
        """Service -> pid of its process, by the records."""
        found: dict[str, int] = {}
        for record in sorted((self.folder / "run").glob("*.json")):
            service = cast("dict[str, object] | None", json.loads(record.read_text())["service"])
            if service:
                found[record.stem] = int(str(service["pid"]))
        return found

    def kill(self, *services: str) -> None:
        """Kill -9, and wait until they are gone."""
        pids = self.pids()
        processes = [psutil.Process(pids[service]) for service in services]
        for process in processes:
            process.kill()
        for process in processes:
            wait_until(lambda gone=process: not gone.is_running() or gone.status() == psutil.STATUS_ZOMBIE)

    def listening(self) -> list[int]:
        """The stack's ports on which somebody listens."""
        taken: list[int] = []
        for port in self.ports.values():
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    taken.append(port)
        return taken

    def processes(self) -> list[Identity]:
        """Everything that runs out of the copy, apart from the engine's own processes."""
        found: list[Identity] = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = tuple(process.cmdline())
                mine = any(str(self.root) in word for word in command)
                if mine and process.status() != psutil.STATUS_ZOMBIE and process.name() != "pulumi":
                    found.append(Identity(process.pid, "", command))
        return found

    def edit(self, file: str, text: str) -> None:
        """Write a file of the copy."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def close(self) -> None:
        """End whatever is left, whatever the tests have done to it."""
        for identity in self.processes():
            with suppress(psutil.Error):
                psutil.Process(identity.pid).kill()


def new(root: Path) -> Workshop:
    """Copy the project and create the stack; services as they are in the checkout."""
    root.mkdir(parents=True)
    for name in _PROGRAM:
        source, target = CHECKOUT / name, root / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copytree(CHECKOUT / "app", root / "app", ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    (root / ".venv").symlink_to(CHECKOUT / ".venv")
    (root / "app" / ".venv").symlink_to(CHECKOUT / "app" / ".venv")
    (root / ".aex" / "state").mkdir(parents=True)
    workshop = Workshop(root, base_port=free_base())
    workshop.pulumi("stack", "init")
    workshop.set("local", "basePort", workshop.base_port)
    return workshop


def little_exchange(root: Path) -> Workshop:
    """A copy whose ten services are tiny programs."""
    workshop = new(root)
    shutil.rmtree(root / "app" / "aex")
    workshop.edit("app/aex/__init__.py", "")
    workshop.edit("app/aex/__main__.py", _LITTLE_MAIN)
    workshop.edit("app/aex/core/__init__.py", "VERSION = 1\n")
    workshop.edit("app/aex/store/__init__.py", "")
    for service in CATALOG.services:
        workshop.edit(f"app/aex/{service.package}/__init__.py", "")
    workshop.set("local", "serviceAuth", "token")
    return workshop


def free_base() -> int:
    """A port from which as many are free as the catalog spans."""
    ports = [service.port for service in CATALOG.services]
    offsets = [port - min(ports) for port in ports]
    generator = random.Random()
    while True:
        base = generator.randrange(20_000, 60_000)
        with suppress(OSError), ExitStack() as probes:
            for offset in offsets:
                probes.enter_context(socket.socket()).bind(("127.0.0.1", base + offset))
            return base
