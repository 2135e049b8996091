"""`aexctl`: the operator's command. Reads what a stack says of itself; changes it only through the engine.

Exit codes, the same for every command:

- 0: done, and nothing to complain about.
- 1: something is wrong, or was refused.
- 2: nothing was tried, because an argument, the config or the answer to a question is wrong.
- 3: the stack, the cloud or the gateway does not answer, or there are no credentials.
"""

from __future__ import annotations

import sys

import typer

from infra.ops.commands import change, data, look, shell, summary, teardown
from infra.ops.faults import Exit, OpsError, UsageFault
from infra.ops.screen import Screen

app = typer.Typer(
    name="aexctl",
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (look, shell, change, data, teardown, summary):
    part.register(app)


def main() -> None:
    """The command line; ends the process."""
    try:
        code = app(standalone_mode=False)
    except OpsError as error:
        Screen().fault(error)
        code = error.code
    except typer.Abort:
        code = Exit.USAGE
    except KeyboardInterrupt:
        code = 130
    except typer.TyperException as error:
        Screen().fault(UsageFault(error.format_message(), "`aexctl COMMAND --help` says what there is."))
        code = Exit.USAGE
    sys.exit(int(code or 0))


if __name__ == "__main__":
    main()
