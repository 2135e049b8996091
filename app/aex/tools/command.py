"""The command line of what works on a whole exchange's data. Exit codes: 0 fine, 1 something differs, 2 not done."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from aex.store import StoreError
from aex.tools import objects
from aex.tools.lines import BadExport, parse
from aex.tools.place import place_of

COMMANDS = frozenset({"check", "drop", "export", "import"})
_WHERE = "folder with one <service>.sqlite3 per service (default: the database that STORE_TYPE names)"


def add_arguments(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Declares `check`, `drop`, `export` and `import`."""
    check = add_parser("check", help="check every invariant in the databases, or the ledger over HTTP")
    check.add_argument("--data", help=_WHERE)
    check.add_argument("--url", help="ask settlement at this address for its ledger, instead of reading databases")
    add_parser("drop", help="drop the databases and users of an ephemeral stack in a shared cluster (a one-off task)")
    out = add_parser("export", help="write all collections of an exchange as JSON lines")
    out.add_argument("file", help="where to: a file, s3://<bucket>/<name>, or - for the standard output")
    out.add_argument("--data", help=_WHERE)
    into = add_parser("import", help="insert the documents of an export into an empty database")
    into.add_argument("file", help="the export: a file, s3://<bucket>/<name>, or - for the standard input")
    into.add_argument("--data", help=_WHERE)
    into.add_argument("--resume", action="store_true", help="continue an import that was interrupted")


def run(chosen: argparse.Namespace) -> int:
    """Runs the chosen command."""
    from aex.tools.transfer import NotImported

    try:
        return asyncio.run(_COMMANDS[chosen.command](chosen))
    except (StoreError, BadExport, NotImported, OSError) as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)  # noqa: T201 - for a person
        return 2


async def _check(chosen: argparse.Namespace) -> int:
    database = os.environ.get("STORE_TYPE") in {"mongo", "firestore"} or "MONGO_ADMIN_SECRET_ARN" in os.environ
    asked = chosen.data is not None or database
    if chosen.url is None and asked:
        from aex.tools.check import check

        return await check(place_of(chosen.data))
    from aex.core.check import check as check_ledger

    return await check_ledger(chosen.url)


async def _drop(_: argparse.Namespace) -> int:
    from aex.store.users import drop

    return drop()


async def _export(chosen: argparse.Namespace) -> int:
    from aex.tools.transfer import export

    place = place_of(chosen.data)
    with _target(chosen.file) as file:
        digest = await export(place, file.write)
    print(f"{digest.documents} documents exported from {place}, digest {digest.text}", file=sys.stderr)  # noqa: T201
    return 0


async def _import(chosen: argparse.Namespace) -> int:
    from aex.tools.transfer import import_

    place = place_of(chosen.data)
    with _source(chosen.file) as file:
        digest = await import_(place, file, resume=chosen.resume)
    print(f"{digest.documents} documents imported into {place}, digest {digest.text}", file=sys.stderr)  # noqa: T201
    return 0


class Target(Protocol):
    """Where an export goes."""

    def write(self, data: bytes, /) -> object:
        """Takes bytes."""
        ...


@contextmanager
def _source(name: str) -> Generator[Iterable[bytes]]:
    """The export; half a file is refused here, before anything is written."""
    if name == "-":
        yield sys.stdin.buffer
        return
    if name.startswith(objects.SCHEME):
        lines = objects.Lines(name)
        for _ in parse(lines):
            pass
        yield lines
        return
    with Path(name).open("rb") as file:
        for _ in parse(file):
            pass
        file.seek(0)
        yield file


@contextmanager
def _target(name: str) -> Generator[Target]:
    """The file to write, which appears under its name only when it is whole; readable by its owner alone."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if name.startswith(objects.SCHEME):
        with objects.written(name) as upload:
            yield upload
        return
    part = Path(f"{name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    part.replace(name)


_COMMANDS = {"check": _check, "drop": _drop, "export": _export, "import": _import}

__all__ = ["COMMANDS", "add_arguments", "run"]
