"""`check`, `export` and `import`: the services' own tools, run where the data is, under an identity of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.ops.clouds.cloud import Cloud, one_cloud, place_of
from infra.ops.commands.options import Json, OnlyCloud, Stack
from infra.ops.faults import Exit, OpsError, Unreachable
from infra.ops.screen import Screen, escape

_COULD_NOT = 2
"""What the tools end with when they could not do their work at all."""


def check(stack: Stack = "local", cloud: OnlyCloud = None, as_json: Json = False) -> int:
    """Check every invariant of the data, where it is. Exit code 1 if one does not hold."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    code, lines = _operated(screen, one_cloud(place, cloud), ["check"])
    screen.result({"holds": code == 0, "exit": code, "log": lines})
    if code == _COULD_NOT:
        raise Unreachable("the data could not be checked", "The log above says why.")
    return Exit.OK if code == 0 else Exit.FINDING


def export(
    name: Annotated[str | None, typer.Argument(help="Name of the file; default: the stack and the time.")] = None,
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    as_json: Json = False,
) -> int:
    """Write all documents of the exchange into one file: in the exports bucket, or on this machine."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    chosen = one_cloud(place, cloud)
    file = name or f"{stack}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    code, lines = _operated(screen, chosen, ["export", chosen.export_path(file)])
    fetch = chosen.fetch_command(file)
    screen.result({"file": chosen.export_path(file), "fetch": fetch, "exit": code, "log": lines})
    if code:
        raise OpsError("the export was not made", "The log above says why; nothing was left half-written.")
    screen.line(f"Exported to {escape(chosen.export_path(file))}")
    if fetch:
        screen.line(f"To have it here: {escape(' '.join(fetch))}")
    return Exit.OK


def import_(
    name: Annotated[str, typer.Argument(help="Name of the file that `export` wrote.")],
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an import that was interrupted.")] = False,
    as_json: Json = False,
) -> int:
    """Insert the documents of an export into an empty exchange, and compare them afterwards."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    chosen = one_cloud(place, cloud)
    arguments = ["import", chosen.export_path(name), *(["--resume"] if resume else [])]
    code, lines = _operated(screen, chosen, arguments)
    screen.result({"file": chosen.export_path(name), "exit": code, "log": lines})
    if code:
        raise OpsError("the import did not come to its end", "The log above says why; --resume continues it.")
    screen.line(f"Imported. {_again(stack)}")
    return Exit.OK


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(check)
    app.command()(export)
    app.command("import")(import_)


def _operated(screen: Screen, cloud: Cloud, arguments: list[str]) -> tuple[int, list[str]]:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        screen.line(f"  [dim]│[/] {escape(line)}")

    with screen.working(f"python -m aex {' '.join(arguments)}, where the data of {cloud.name} is"):
        return cloud.operate(arguments, say), lines


def _again(stack: str) -> str:
    restart = f"aexctl restart identity --stack {stack}"
    return f"Now `{restart}`, which adds the operator's key of this stack again, and `aexctl check`."


__all__ = ["check", "export", "import_", "register"]
