"""The command line of `python -m aex`: which commands there are, and whose they are."""

import argparse
from collections.abc import Sequence

from aex.core.server import SERVICES, serve
from aex.tools import command


def run(arguments: Sequence[str]) -> int:
    """Runs the command that `arguments` name; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m aex", description="Agent Exchange services.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    service = commands.add_parser("serve", help="run one service in the foreground")
    service.add_argument("service", metavar="service", help=f"one of: {', '.join(SERVICES)} (default: AEX_SERVICE)")
    command.add_arguments(commands.add_parser)
    commands.add_parser("database-users", help="make the database's users, one for each service (a one-off task)")
    chosen = parser.parse_args(arguments)
    if chosen.command == "database-users":
        from aex.store.users import main as make_users

        return make_users()
    if chosen.command in command.COMMANDS:
        return command.run(chosen)
    return serve(chosen.service)


__all__ = ["run"]
