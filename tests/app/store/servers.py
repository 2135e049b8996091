"""The database servers that the tests start: each a process of its own on a free port of 127.0.0.1, stopped by its pid.

A server that this machine lacks makes `Missing`, which skips those tests by name, and fails them under CI=true.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

_EMULATOR_JAR = "cloud-firestore-emulator.jar"
_SDK_JAR = Path("/usr/lib/google-cloud-sdk/platform/cloud-firestore-emulator") / _EMULATOR_JAR


class Missing(Exception):
    """What a server needs is not here; the text says what and how to get it."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MongoServer:
    """secantusdb with the settings of DocumentDB: a replica set called rs0."""

    def __init__(self, storage: Path, **options: object) -> None:
        self.port = free_port()
        self._storage = storage
        self._options: dict[str, object] = {"replica_set_name": "rs0", "ttl_sweep_seconds": 1, "cache_size": "256M"}
        self._options |= options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **options: object) -> None:
        """Listen, with the data of before. `options` change for this start and later ones."""
        self._options |= options
        script = str(Path(__file__).with_name("mongo_server.py"))
        command = [sys.executable, script, str(self._storage), str(self.port), json.dumps(self._options)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"listening\n":
            self.kill()
            raise RuntimeError("the MongoDB-compatible server did not start")

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def stop(self) -> None:
        """End it in order, with everything written."""
        if self._process is not None:
            self._process.communicate(timeout=30)
            self._process = None

    def environ(self, database: str) -> dict[str, str]:
        """The store's settings for this server."""
        return {"MONGO_HOST": f"127.0.0.1:{self.port}", "MONGO_TLS": "off", "MONGO_DB": database}


class FirestoreEmulator:
    """Google's own emulator."""

    def __init__(self) -> None:
        self.port = free_port()
        self._command = emulator_command(self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Listen, without any data."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 40
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2):
                    return
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > until or self._process.poll() is not None:
                    self.kill()
                    raise RuntimeError("the Firestore emulator did not start") from error
                time.sleep(0.1)

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash would: with its data."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def environ(self, project: str) -> dict[str, str]:
        """The store's settings for this server."""
        return {
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.port}",
            "FIRESTORE_PROJECT_ID": project,
            "FIRESTORE_DATABASE": "aex",
        }


def emulator_command(port: int) -> Sequence[str]:
    """How to start the emulator here. Raises `Missing`."""
    java = shutil.which("java")
    if java is None:
        raise Missing("the Firestore emulator needs Java 17: apt-get install openjdk-17-jre-headless")
    jar = Path(os.environ.get("FIRESTORE_EMULATOR_JAR", _SDK_JAR))
    if not jar.is_file():
        raise Missing(
            "the Firestore emulator is not installed: apt-get install google-cloud-cli-firestore-emulator"
            " (from packages.cloud.google.com), or set FIRESTORE_EMULATOR_JAR"
        )
    main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
    # Its messages are parsed by clients, so they must be in English wherever this runs.
    options = ["-Duser.language=en", "-Xmx512m", "-cp", str(jar)]
    return [java, *options, main, "start", "--host=127.0.0.1", f"--port={port}"]
