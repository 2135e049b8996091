"""The graph that the real engine makes of a stack, read from its offline preview."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Node:
    """One resource or component."""

    urn: str
    type: str
    needs: frozenset[str]
    """URNs that must be done before it starts, its parent among them."""
    parent: str = ""
    inputs: Mapping[str, object] = field(default_factory=dict[str, object], compare=False)
    """Properties as the program gave them; what is known only later is a constant UUID of the engine's."""

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return self.urn.rpartition("::")[2]

    @property
    def custom(self) -> bool:
        """Whether it is a resource of a provider, and no component of ours."""
        return not self.type.startswith(("agent-exchange:", "pulumi:"))


def graph(preview: Mapping[str, object]) -> list[Node]:
    """Give the nodes of a `pulumi preview --json` of a stack that does not exist yet, in the order of the program."""
    steps = cast("Sequence[Mapping[str, object]]", preview["steps"])
    states = [cast("Mapping[str, object]", step["newState"]) for step in steps if step["op"] == "create"]
    known = {str(state["urn"]) for state in states}
    nodes = [
        Node(
            urn=str(state["urn"]),
            type=str(state["type"]),
            needs=frozenset({*_texts(state.get("dependencies")), str(state.get("parent", ""))} & known),
            parent=str(state.get("parent", "")),
            inputs=cast("Mapping[str, object]", state.get("inputs") or {}),
        )
        for state in states
    ]
    if not any(node.custom for node in nodes):
        diagnostics = cast("Sequence[Mapping[str, str]]", preview.get("diagnostics") or ())
        raise SystemExit("\n".join(["the preview declares nothing", *(each["message"] for each in diagnostics)]))
    return nodes


def preview_of(stack: str, clouds: str) -> Mapping[str, object]:
    """Run the offline preview of a stack."""
    command = [sys.executable, "-m", "tools.offline", "--stack", stack, "--clouds", clouds, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        raise SystemExit(done.stderr)
    return cast("Mapping[str, object]", json.loads(done.stdout))


def _texts(value: object) -> Sequence[str]:
    return cast("Sequence[str]", value or ())
