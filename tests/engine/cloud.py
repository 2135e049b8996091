"""A stack on a cloud to run the real Pulumi on, against the stand-ins: a throw-away project, state and config.

    with launched(("gcp",)) as standins:
        stack = CloudStack.new(folder, "pr-1", standins, gcp={"domain": "aex.example.org"})
        stack.up(); assert stack.preview().changes == set(); stack.destroy()

The project's code is the checkout's own, by symbolic links; nothing is written into the checkout. Does not know what a
stack consists of: that is the business of the tests.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from infra.components.catalog import CATALOG
from tests.engine.runner import CHECKOUT, Result, Runner
from tests.engine.standins.launch import Standins

LINKED = ("app", "infra", "pyproject.toml", "uv.lock", ".venv")
DIGEST = "sha256:" + "0" * 64
PREBUILT: dict[str, Any] = {"source": "prebuilt", "digests": dict.fromkeys(CATALOG.names, DIGEST)}
PLACES = {"gcp:project": "acme-exchange", "gcp:region": "us-central1", "aws:region": "us-east-1"}
GITHUB: dict[str, object] = {"owner": "acme", "repository": "agent-exchange", "ownerId": 123, "repositoryId": 456}

PATIENCE_SECONDS = 400
"""What one command may take. On a quiet machine with two cores it takes about ten seconds."""


@dataclass
class CloudStack(Runner):
    """One stack; `config` is written before every command, so that tests just change it."""

    standins: Standins = field(default_factory=Standins)
    config: dict[str, Any] = field(default_factory=dict)
    """Full key -> value, objects as such."""
    said: list[str] = field(default_factory=list)
    """Everything that commands have printed, and the engine's events."""
    _salt: str = ""

    @classmethod
    def new(
        cls, root: Path, stack: str, standins: Standins, clouds: tuple[str, ...] = ("gcp",), **sections: Any
    ) -> CloudStack:
        """Make the project's folder and the stack; `sections` are keys of the project's own config."""
        project(root)
        made = cls(root=root, stack=stack, environment=dict(standins.environment), standins=standins)
        made.config = config_of(stack, clouds, sections)
        made.pulumi("stack", "init")
        made._salt = yaml.safe_load(made._config_file.read_text())["encryptionsalt"]
        return made

    def beside(self, stack: str, clouds: tuple[str, ...] = ("gcp",), **sections: Any) -> CloudStack:
        """Another stack of the same project, in the same account or project of the cloud."""
        return CloudStack.new(self.root, stack, self.standins, clouds, **sections)

    def pretend(self, outputs: Mapping[str, Any]) -> None:
        """Let the stack have outputs without having been deployed, for others that refer to it."""
        exported = json.loads(self.pulumi("stack", "export"))
        urn = f"urn:pulumi:{self.stack}::agent-exchange::pulumi:pulumi:Stack::agent-exchange-{self.stack}"
        resource = {"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": dict(outputs)}
        exported["deployment"]["resources"] = [resource]
        file = self.root / f"{self.stack}-deployment.json"
        file.write_text(json.dumps(exported))
        self.pulumi("stack", "import", "--file", str(file))

    def with_own_code(self) -> Path:
        """Give the project a copy of `infra` that a test may edit, in the place of the checkout's; returns the copy."""
        link = self.root / "infra"
        if link.is_symlink():
            link.unlink()
            shutil.copytree(CHECKOUT / "infra", link, ignore=shutil.ignore_patterns("__pycache__"))
        return link

    def with_checkouts_code(self) -> None:
        """Throw the copy away again."""
        own = self.root / "infra"
        if not own.is_symlink():
            shutil.rmtree(own)
            own.symlink_to(CHECKOUT / "infra")

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Afterwards config and code are as before; what was deployed meanwhile is not taken back."""
        before = copy.deepcopy(self.config)
        try:
            yield
        finally:
            self.config = before
            self.with_checkouts_code()

    # Config.

    def set(self, section: str, **values: Any) -> None:
        """Set keys of a section (`gcp`, `aws`, `image`, `secrets`); None removes one."""
        found = {**self.config.get(f"agent-exchange:{section}", {}), **values}
        self.config[f"agent-exchange:{section}"] = {key: value for key, value in found.items() if value is not None}

    def write(self) -> None:
        """Write the config into the stack's file."""
        if self._salt:
            self._config_file.write_text(yaml.safe_dump({"encryptionsalt": self._salt, "config": self.config}))

    # The command line.

    def start(self, *arguments: str) -> Any:
        """Start `pulumi` with the config as it is now."""
        self.standins.resume()
        self.write()
        return super().start(*arguments)

    def pulumi(self, *arguments: str, fails: bool = False, seconds: float = PATIENCE_SECONDS) -> str:
        """Run `pulumi` without keeping what it says: this is how secrets are asked for."""
        return super().pulumi(*arguments, fails=fails, seconds=seconds)

    def watched(self, *arguments: str, fails: bool | None = False, seconds: float = PATIENCE_SECONDS) -> Result:
        """Run `pulumi` and keep what it has said."""
        result = super().watched(*arguments, fails=fails, seconds=seconds)
        self.said += [result.output, json.dumps(list(result.events))]
        return result

    def up(self, *arguments: str, fails: bool | None = False, seconds: float = PATIENCE_SECONDS) -> Result:
        """`pulumi up` without preview and questions."""
        return self.watched("up", "--yes", "--skip-preview", *arguments, fails=fails, seconds=seconds)

    def preview(self, *arguments: str, fails: bool = False, seconds: float = PATIENCE_SECONDS) -> Result:
        """`pulumi preview`."""
        return self.watched("preview", *arguments, fails=fails, seconds=seconds)

    def refresh(self, *arguments: str, fails: bool = False, seconds: float = PATIENCE_SECONDS) -> Result:
        """`pulumi refresh` without preview and questions."""
        return self.watched("refresh", "--yes", "--skip-preview", *arguments, fails=fails, seconds=seconds)

    def destroy(self, *arguments: str, fails: bool = False, seconds: float = PATIENCE_SECONDS) -> Result:
        """`pulumi destroy` without preview and questions."""
        return self.watched("destroy", "--yes", "--skip-preview", *arguments, fails=fails, seconds=seconds)

    # What is known afterwards.

    def outputs(self, *, secrets: bool = True) -> Mapping[str, Any]:
        """The stack's outputs by cloud."""
        shown = self.pulumi("stack", "output", "--json", *(["--show-secrets"] if secrets else []))
        return cast("Mapping[str, Any]", json.loads(shown))

    def resources(self) -> list[Mapping[str, Any]]:
        """The resources in the state, secrets encrypted."""
        exported = json.loads(self.pulumi("stack", "export"))
        return cast("list[Mapping[str, Any]]", exported["deployment"].get("resources", []))

    def checkpoint(self) -> str:
        """Everything that the backend has written for this stack, backups and history too."""
        files = [file for file in self.state.rglob("*") if file.is_file() and self.stack in str(file)]
        return "\n".join(file.read_text(errors="replace") for file in files)

    @property
    def _config_file(self) -> Path:
        return self.root / f"Pulumi.{self.stack}.yaml"


def project(root: Path) -> Path:
    """A folder that Pulumi takes for the project: the checkout's code by links, its own state and config."""
    (root / ".aex" / "state").mkdir(parents=True, exist_ok=True)
    shutil.copy(CHECKOUT / "Pulumi.yaml", root / "Pulumi.yaml")
    for name in LINKED:
        if not (root / name).exists():
            (root / name).symlink_to(CHECKOUT / name)
    return root


def config_of(stack: str, clouds: tuple[str, ...], sections: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a stack that needs neither Docker nor a registry, unless `sections` say otherwise."""
    own: dict[str, Any] = {"clouds": list(clouds)}
    own |= {"github": GITHUB} if stack == "bootstrap" else {"image": PREBUILT}
    own |= sections
    return {**PLACES, **{f"agent-exchange:{key}": value for key, value in own.items()}}


__all__ = ["DIGEST", "GITHUB", "PLACES", "PREBUILT", "CloudStack", "config_of", "project"]
