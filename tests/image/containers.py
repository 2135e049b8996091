"""The ten services as containers, held as tightly as in the clouds; everything else as in `tests/flow/exchange.py`."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from infra.components.catalog import CATALOG
from infra.components.environment import ServiceAuth
from infra.components.image import USER_ID
from tests.flow.exchange import Exchange
from tests.image.docker import CLIENT, Docker

MEMORY = "448m"
"""What the smallest task on AWS leaves to a service: 512 MB less the 64 of the proxy beside it."""

HELD = (
    *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", f"--user={USER_ID}:{USER_ID}"),
    *("--tmpfs=/tmp:rw,nodev,noexec,nosuid,size=64m", f"--memory={MEMORY}", "--network=host"),
)
"""As in a task definition on AWS; Cloud Run gives a file system in memory, which is no stricter."""


class Containers(Exchange):
    """Ten containers that answer only to declared services; `images` says which image is whose."""

    def __init__(self, folder: Path, docker: Docker, images: Mapping[str, str]) -> None:
        super().__init__(folder, auth=ServiceAuth.TOKEN, overrides={"DUTY_INTERVAL_SECONDS": "0.5"})
        self._docker, self._images, self._mark = docker, images, secrets.token_hex(4)
        self.data = folder / "data"
        self.data.mkdir()
        os.chown(self.data, USER_ID, USER_ID)

    def container(self, name: str) -> str:
        """What the service's container is called."""
        return f"{name}-{self._mark}"

    def spawn(self, name: str) -> None:
        """Start a service as a container."""
        # What an image sets by itself is not given; the data is on a disk, so that it can be checked afterwards.
        variables = self.environment(CATALOG.service(name)) | {"SQLITE_PATH": f"/data/{name}.sqlite3"}
        del variables["PATH"]
        words = [word for item in sorted(variables.items()) for word in ("--env", "=".join(item))]
        place = f"--volume={self.data}:/data"
        # The client in the foreground stands for the container: it hands on SIGTERM, and the exit code.
        command = [CLIENT, "run", "--rm", f"--name={self.container(name)}", *HELD, place, *words, self._images[name]]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env=self._docker.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )


__all__ = ["HELD", "Containers"]
