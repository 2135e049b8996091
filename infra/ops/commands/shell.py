"""`logs` and `exec`: the cloud's own command with the right names filled in, printed and run."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from infra.ops.clouds.cloud import one_cloud, place_of, service_named
from infra.ops.clouds.processes import on_terminal
from infra.ops.commands.options import Json, OnlyCloud, Print, Stack
from infra.ops.faults import Exit
from infra.ops.screen import Screen

Service = Annotated[str, typer.Argument(help="The service, with or without aex-.")]


def logs(
    service: Service,
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    only_print: Print = False,
    as_json: Json = False,
) -> int:
    """Show a service's log, by the cloud's own command."""
    command = one_cloud(place_of(stack), cloud).logs_command(service_named(service), follow=follow)
    return _done(command, only_print=only_print, as_json=as_json)


def execute(
    service: Service, stack: Stack = "local", cloud: OnlyCloud = None, only_print: Print = False, as_json: Json = False
) -> int:
    """Open a shell in a running service, by the cloud's own command; where it is closed, say which switch opens it."""
    command = one_cloud(place_of(stack), cloud).exec_command(service_named(service))
    return _done(command, only_print=only_print, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(logs)
    app.command("exec")(execute)


def _done(command: list[str], *, only_print: bool, as_json: bool) -> int:
    screen = Screen(as_json=as_json)
    if as_json:  # a description of the command, for a script that wants to run it itself
        screen.result({"command": command})
        return Exit.OK
    if only_print:
        typer.echo(shlex.join(command))
        return Exit.OK
    typer.echo(f"$ {shlex.join(command)}", err=True)
    return Exit.OK if on_terminal(command) == 0 else Exit.FINDING


__all__ = ["execute", "logs", "register"]
