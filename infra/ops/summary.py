"""What a preview would do, for a reviewer with ten seconds: the dangerous things first, the rest folded away.

Reads the engine's own events, which `pulumi preview --json` and `pulumi refresh --preview-only --json` write, one a
line, when PULUMI_ENABLE_STREAMING_JSON_PREVIEW is set. Does not run the engine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

STREAM: Final = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"}
"""Set for the engine, so that it writes events."""

HOLDING_DATA: Final = frozenset(
    {
        "aws:docdb/cluster:Cluster",
        "aws:docdb/clusterInstance:ClusterInstance",
        "aws:ecr/repository:Repository",
        "aws:kms/key:Key",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "gcp:artifactregistry/repository:Repository",
        "gcp:firestore/database:Database",
        "gcp:kms/cryptoKey:CryptoKey",
        "gcp:secretmanager/secret:Secret",
        "gcp:storage/bucket:Bucket",
        "aex:local:Folder",
    }
)
"""Types whose replacement or deletion loses something that cannot be declared again."""

_QUIET: Final = frozenset({"same", "refresh", "read"})
_REPLACED: Final = frozenset({"replace", "create-replacement", "delete-replaced"})
_VERBS: Final = {
    "delete": "delete",
    "replace": "replace",
    "update": "change",
    "create": "create",
    "import": "import",
    "discard": "forget",
}
"""Operation -> what a person calls it, the dangerous ones first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One resource that would be touched."""

    operation: str
    """A key of `_VERBS`."""
    type: str
    name: str
    properties: tuple[str, ...] = ()
    """What differs, by path."""

    @property
    def holds_data(self) -> bool:
        """Whether what it holds would be gone."""
        return self.type in HOLDING_DATA and self.operation in ("delete", "replace")


@dataclass(slots=True)
class Summary:
    """Everything that a preview said."""

    steps: list[Step] = field(default_factory=list)
    unchanged: int = 0
    violations: list[tuple[str, str]] = field(default_factory=list)
    """Level (`mandatory` or `advisory`) and message of each broken policy."""
    errors: list[str] = field(default_factory=list)

    @property
    def dangerous(self) -> list[Step]:
        """What goes away, or goes away and comes back."""
        return [step for step in self.steps if step.operation in ("delete", "replace")]


def summary(events: Iterable[str]) -> Summary:
    """Read the events, one JSON object a line; other lines are passed over."""
    found = Summary()
    steps: dict[str, Step] = {}
    for line in events:
        if not line.startswith("{"):
            continue
        event = cast("Mapping[str, Mapping[str, object]]", json.loads(line))
        if "resourcePreEvent" in event or "resOutputsEvent" in event:
            _take(steps, event.get("resourcePreEvent") or event["resOutputsEvent"])
        elif "policyEvent" in event:
            policy = event["policyEvent"]
            found.violations.append((str(policy["enforcementLevel"]), str(policy["message"]).strip()))
        elif "diagnosticEvent" in event and event["diagnosticEvent"]["severity"] == "error":
            found.errors.append(str(event["diagnosticEvent"]["message"]).strip())
        elif "summaryEvent" in event:
            changes = cast("Mapping[str, int]", event["summaryEvent"].get("resourceChanges") or {})
            found.unchanged = changes.get("same", 0)
    order = list(_VERBS)
    found.steps = sorted(steps.values(), key=lambda step: (order.index(step.operation), step.type, step.name))
    return found


def _take(steps: dict[str, Step], event: Mapping[str, object]) -> None:
    metadata = cast("Mapping[str, object]", event["metadata"])
    operation = str(metadata["op"])
    if operation in _QUIET or str(metadata["type"]) == "pulumi:pulumi:Stack":
        return
    detailed = cast("Mapping[str, object]", metadata.get("detailedDiff") or {})
    plain = cast("Iterable[str]", metadata.get("diffs") or ())
    urn = str(metadata["urn"])
    steps[urn] = Step(
        operation="replace" if operation in _REPLACED else operation,
        type=str(metadata["type"]),
        name=urn.rpartition("::")[2],
        properties=tuple(sorted({path.split(".")[0].split("[")[0] for path in (*detailed, *plain)})),
    )


def markdown(title: str, found: Summary, note: str = "") -> str:
    """The summary as a comment on a pull request. `note` says where the preview came from."""
    lines = [f"### {title}: {headline(found)}", *([f"_{note}_"] if note else []), ""]
    if found.errors:
        lines += ["**It fails:**", "", "```", *found.errors, "```", ""]
    if found.violations:
        lines += ["**Policies:**", "", *(f"* {level}: {_inline(text)}" for level, text in found.violations), ""]
    if found.dangerous:
        lines += ["**Look at these:**", "", *_table(found.dangerous), ""]
    others = [step for step in found.steps if step not in found.dangerous]
    if others:
        folded = f"<details><summary>{len(others)} more</summary>"
        lines += [folded, "", *_table(others), "", "</details>", ""]
    return "\n".join(lines)


def headline(found: Summary) -> str:
    """The counts in one line, for instance `2 to replace (1 holds data), 3 to change, 40 unchanged`."""
    if found.errors:
        return "it fails"
    counts = Counter(step.operation for step in found.steps)
    parts = [f"{counts[operation]} to {verb}" for operation, verb in _VERBS.items() if counts[operation]]
    lost = sum(step.holds_data for step in found.steps)
    if lost:
        parts.insert(0, f":warning: {lost} with data to lose")
    stopped = sum(level == "mandatory" for level, _ in found.violations)
    if stopped:
        parts.insert(0, f":no_entry: {stopped} mandatory policies broken")
    return ", ".join([*parts, f"{found.unchanged} unchanged"]) if parts else "no changes"


def _table(steps: Iterable[Step]) -> list[str]:
    rows = [
        f"| {_VERBS[step.operation]}{' :warning: holds data' if step.holds_data else ''} | `{step.type}` | {step.name} "
        f"| {', '.join(step.properties)} |"
        for step in steps
    ]
    return ["| | type | name | what differs |", "|---|---|---|---|", *rows]


def _inline(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


__all__ = ["HOLDING_DATA", "STREAM", "Step", "Summary", "headline", "markdown", "summary"]
