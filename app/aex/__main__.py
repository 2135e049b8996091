"""`python -m aex serve <service>` runs one of the ten services; `python -m aex check` checks the ledger."""

import argparse
import asyncio
import sys

from aex.core.server import SERVICES, serve


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m aex", description="Agent Exchange services.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser("serve", help="run one service in the foreground")
    run.add_argument("service", metavar="service", help=f"one of: {', '.join(SERVICES)}")
    check = commands.add_parser("check", help="recompute every balance from the ledger and report differences")
    check.add_argument("--url", help="settlement's address (default: SETTLEMENT_URL, else http://127.0.0.1:8088)")
    commands.add_parser("database-users", help="make the database's users, one for each service (a one-off task)")
    chosen = parser.parse_args(arguments)
    if chosen.command == "database-users":
        from aex.store.users import main as make_users

        return make_users()
    if chosen.command == "check":
        from aex.core.check import check as check_ledger

        return asyncio.run(check_ledger(chosen.url))
    return serve(chosen.service)


if __name__ == "__main__":
    sys.exit(main())
