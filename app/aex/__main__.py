"""`python -m aex serve <service>` runs one of the ten services; the rest is about the data of all ten."""

import argparse
import os
import signal
import sys
from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    from aex.core.server import SERVICES, serve
    from aex.tools import command

    parser = argparse.ArgumentParser(prog="python -m aex", description="Agent Exchange services.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser("serve", help="run one service in the foreground")
    named = os.environ.get("AEX_SERVICE")  # an image is one service's, and says so
    one_of = f"one of: {', '.join(SERVICES)}" + (f" (default: {named})" if named else "")
    run.add_argument("service", nargs="?" if named else None, default=named, help=one_of)
    command.add_arguments(commands.add_parser)
    commands.add_parser("database-users", help="make the database's users, one for each service (a one-off task)")
    chosen = parser.parse_args(arguments)
    if chosen.command == "database-users":
        from aex.store.users import main as make_users

        return make_users()
    if chosen.command in command.COMMANDS:
        return command.run(chosen)
    return serve(chosen.service)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        # Before the second that imports take: process 1 of a container ignores every signal that it does not handle.
        signal.signal(signal.SIGTERM, _leave)
    sys.exit(main())
