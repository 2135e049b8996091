"""`aexctl` on a stack that exists only in a test: the engine's answers are the test's, its changes are written down."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.ops import config_file, engine, main
from infra.ops.faults import Unreachable
from infra.ops.model import StackResource

PROJECT = "agent-exchange"


@dataclass
class Bench:
    """One stack."""

    folder: Path
    patch: pytest.MonkeyPatch
    outputs: dict[str, Mapping[str, object]] = field(default_factory=dict)
    resources: list[StackResource] = field(default_factory=list)
    exists: bool = True
    runs: list[list[str]] = field(default_factory=list)
    """What `pulumi` was told to do, apart from reading."""
    exit_code: int = 0
    """What it ends with."""

    def __post_init__(self) -> None:
        """Take the engine's place."""
        self.patch.setattr(config_file, "CHECKOUT", self.folder)
        self.patch.setattr(engine, "state", self._state)
        self.patch.setattr(engine, "outputs", self._outputs)
        self.patch.setattr(engine, "read", self._read)
        self.patch.setattr(engine, "run", self._run)
        self.patch.delenv("STACK", raising=False)
        # As wide as nobody's terminal, so that no line is wrapped.
        self.patch.setenv("COLUMNS", "200")

    def config(self, stack: str, **values: Any) -> None:
        """Write the stack's config; `aws__region` stands for `aws:region`, others are the project's own."""
        keys = {key.replace("__", ":") if "__" in key else f"{PROJECT}:{key}": value for key, value in values.items()}
        (self.folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": keys}))

    def own(self, kind: str, name: str, identifier: str, *, protect: bool = False, **outputs: object) -> None:
        """Put a resource into the stack's state."""
        urn = f"urn:pulumi:staging::{PROJECT}::{PROJECT}:Platform${kind}::{name}"
        self.resources.append(StackResource(urn, kind, identifier, protect, True, "", outputs))

    def aexctl(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
        """Run the command: exit code, standard output, standard error."""
        capsys.readouterr()
        self.patch.setattr(sys, "argv", ["aexctl", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else -1, said.out, said.err

    def json(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
        """Run the command with --json: exit code and the document, which is all that is on standard output."""
        code, out, err = self.aexctl(capsys, *arguments, "--json")
        assert out, err
        return code, json.loads(out)

    def written(self, stack: str) -> Mapping[str, Any]:
        """The stack's config as it is now."""
        return yaml.safe_load((self.folder / f"Pulumi.{stack}.yaml").read_text())["config"]

    def _state(self, stack: str) -> Sequence[StackResource]:
        if not self.exists:
            raise Unreachable(f"stack {stack} cannot be read: no stack named '{stack}' found", "Deploy it first.")
        return self.resources

    def _outputs(self, stack: str) -> Mapping[str, Mapping[str, object]]:
        self._state(stack)
        return self.outputs

    def _read(self, stack: str, *arguments: str) -> str:
        self._state(stack)
        if arguments[:2] in (("config", "set-all"), ("config", "rm-all")):
            self._write(stack, arguments)
        return "{}"

    def _write(self, stack: str, arguments: Sequence[str]) -> None:
        """What `pulumi config set-all` and `rm-all` do to the file; tests/engine sees that it is so."""
        self.runs.append(["pulumi", *arguments])
        words = [word for word in arguments[2:] if not word.startswith("--")]
        edits = [_edit(word, gone=arguments[1] == "rm-all") for word in words]
        config = config_file.edited(config_file.values(stack), edits)
        (self.folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))

    def _run(self, stack: str, *arguments: str, aside: bool = False) -> int:
        self.runs.append(["pulumi", *arguments])
        return self.exit_code


def _edit(word: str, *, gone: bool) -> config_file.Edit:
    path = word.removeprefix(f"{PROJECT}:")
    if gone:
        return config_file.Edit(path, None)
    key, _, value = path.partition("=")
    return config_file.Edit(key, int(value) if value.isdigit() else value)
