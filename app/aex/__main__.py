"""`python -m aex serve <service>` runs one of the ten services; the rest is about the data of all ten."""

import sys

from aex.core import lean


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) == 2 and given[0] == "serve" and not given[1].startswith("-"):
        lean.before_imports()
        from aex.core.server import serve

        return serve(given[1])
    from aex.tools.arguments import run  # everything but a service has time for a parser

    return run(given)


if __name__ == "__main__":
    sys.exit(main())
