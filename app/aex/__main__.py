"""`python -m aex serve <service>` runs one of the ten services; the rest is about the data of all ten.

An image is one service's and says so in AEX_SERVICE: there `python -m aex serve` is enough.
"""

import os
import signal
import sys
from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    service = _service(given)
    if service is None:
        from aex.tools.arguments import run  # everything but a service has time for a parser

        return run(given)
    from aex.core import lean

    lean.before_imports()
    from aex.core.server import serve

    return serve(service)


def _service(given: list[str]) -> str | None:
    """The service to run, where the command line asks for that and nothing else."""
    match given:
        case ["serve"]:
            return os.environ.get("AEX_SERVICE")
        case ["serve", name] if not name.startswith("-"):
            return name
        case _:
            return None


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        # Before the second that imports take: process 1 of a container ignores every signal that it does not handle.
        signal.signal(signal.SIGTERM, _leave)
    sys.exit(main())
