"""`python -m aex serve <service>` runs one of the ten services."""

import argparse
import sys

from aex.core.server import SERVICES, serve


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m aex", description="Agent Exchange services.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser("serve", help="run one service in the foreground")
    run.add_argument("service", metavar="service", help=f"one of: {', '.join(SERVICES)}")
    arguments = parser.parse_args()
    return serve(arguments.service)


if __name__ == "__main__":
    sys.exit(main())
