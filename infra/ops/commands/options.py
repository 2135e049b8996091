"""The options that commands share, so that they mean the same everywhere."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Stack: TypeAlias = Annotated[
    str,
    typer.Option("--stack", "-s", envvar="STACK", help="The stack."),
]
OnlyCloud: TypeAlias = Annotated[
    str | None,
    typer.Option("--cloud", "-c", help="One of the stack's clouds: aws, gcp, local. Default: all, or the only."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Print: TypeAlias = Annotated[bool, typer.Option("--print", help="Only print the command.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: for pipelines.")]
NoUp: TypeAlias = Annotated[bool, typer.Option("--no-up", help="Only change the config; `pulumi up` is left to you.")]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]

__all__ = ["DryRun", "Json", "NoUp", "OnlyCloud", "Print", "Stack", "Yes"]
