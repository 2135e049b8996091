"""Where things are: this checkout, what it generates for itself, and the cache that all checkouts share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.console import Step


@dataclass(frozen=True, slots=True)
class Checkout:
    """One clone of the repository. Everything it generates is under `.aex`, `.venv` and `app/.venv`."""

    root: Path
    cache: Path

    @classmethod
    def here(cls, env: Mapping[str, str] = os.environ) -> Checkout:
        """Find the checkout that this file belongs to, and the user's cache."""
        home = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME") or Path.home()) / ".cache")
        return cls(Path(__file__).resolve().parent.parent, Path(home) / "agent-exchange")

    @property
    def generated(self) -> Path:
        """The folder for state, data, logs and links."""
        return self.root / ".aex"

    @property
    def bin(self) -> Path:
        """The folder that commands put first on PATH."""
        return self.generated / "bin"

    @property
    def python(self) -> Path:
        """The interpreter of the platform's environment."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def state(self) -> Path:
        """The folder of the local stack's Pulumi state."""
        return self.generated / "state"

    @property
    def backend(self) -> str:
        """The address of that state for Pulumi.

        `metadata=skip`: the engine replaces the state's file at once, but not the file of attributes that its storage
        library keeps beside it by default (gocloud.dev/blob/fileblob); killed in between, it leaves that one empty,
        and every later command fails with "failed to load checkpoint: EOF".
        """
        return f"file://{self.state}?metadata=skip"

    def is_current(self, step: str, fingerprint: str) -> bool:
        """Tell whether a step was last completed with these inputs."""
        stamp = self._stamp(step)
        return stamp.is_file() and stamp.read_text() == fingerprint

    def complete(self, step: str, fingerprint: str) -> None:
        """Note that a step was completed with these inputs."""
        self._stamp(step).parent.mkdir(parents=True, exist_ok=True)
        self._stamp(step).write_text(fingerprint)

    def forget(self, step: str) -> None:
        """Note that a step is about to be redone, so that an interruption does not leave it looking complete."""
        self._stamp(step).unlink(missing_ok=True)

    def _stamp(self, step: str) -> Path:
        return self.generated / "stamps" / step


def fingerprint(files: list[Path], *facts: str) -> str:
    """Hash the contents of files, and other facts that decide about a step's outcome."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    for fact in facts:
        digest.update(f"\0{fact}".encode())
    return digest.hexdigest()


@contextlib.contextmanager
def locked(folder: Path, step: Step | None = None) -> Generator[None]:
    """Hold a folder's lock, so that two setups do a thing one after the other; the lock dies with its holder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if step:
                step.progress("waiting for another setup that is at it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
