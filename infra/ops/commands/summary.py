"""`summary`: a preview as Markdown for a pull request. Reads both forms that `pulumi preview --json` writes.

The stream of events (with PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true) has the violations of policies; the single
document has not. What is shown, and in which order, is in `infra/ops/summary.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from infra.ops.commands.options import Json, Stack
from infra.ops.faults import Exit, UsageFault
from infra.ops.screen import Screen
from infra.ops.summary import headline, markdown
from infra.ops.summary import summary as summed_up

_HOW: Final = "Give what `pulumi preview --json` writes, as a file or on standard input."


def summary(
    file: Annotated[str, typer.Argument(help="What `pulumi preview --json` wrote; - is the standard input.")] = "-",
    stack: Stack = "local",
    title: Annotated[str | None, typer.Option("--title", help="Heading; default: the stack.")] = None,
    as_json: Json = False,
) -> int:
    """Turn a preview into Markdown for a pull request. Exit code 1 if it would fail or break a rule."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise UsageFault(f"{file} cannot be read: {error.strerror}", _HOW) from None
    found = summed_up(_events(text))
    if as_json:
        Screen(as_json=True).result({"stack": stack, "headline": headline(found), "summary": found})
    else:
        typer.echo(markdown(title or stack, found))
    failed = found.errors or any(level == "mandatory" for level, _ in found.violations)
    return Exit.FINDING if failed else Exit.OK


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(summary)


def _events(text: str) -> Iterator[str]:
    """The lines of a stream of events, or those that say the same as a single document."""
    lines = [line for line in text.splitlines() if line.startswith("{") and '"sequence"' in line]
    if lines:
        yield from lines
        return
    try:
        digest: object = json.loads(text)
    except ValueError:
        digest = None
    if not isinstance(digest, dict) or not {"steps", "changeSummary", "diagnostics"} & set(
        cast("dict[str, object]", digest)
    ):
        raise UsageFault("this is no preview of the engine", _HOW)
    yield from _of_document(cast("Mapping[str, object]", digest))


def _of_document(digest: Mapping[str, object]) -> Iterator[str]:
    for step in cast("list[Mapping[str, object]]", digest.get("steps") or []):
        urn = str(step["urn"])
        metadata = {
            "op": step["op"],
            "urn": urn,
            "type": urn.split("::")[2].rpartition("$")[2],
            "detailedDiff": step.get("detailedDiff"),
            "diffs": step.get("diffReasons"),
        }
        yield json.dumps({"resourcePreEvent": {"metadata": metadata}})
    for said in cast("list[Mapping[str, object]]", digest.get("diagnostics") or []):
        yield json.dumps({"diagnosticEvent": {"severity": said.get("severity"), "message": said.get("message")}})
    yield json.dumps({"summaryEvent": {"resourceChanges": digest.get("changeSummary")}})


__all__ = ["register", "summary"]
