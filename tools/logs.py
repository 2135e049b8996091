"""`make logs`: follow the logs of the services that run here, one readable line an event, all ten together in order.

The files hold JSON lines; this shows what a reader looks for first and keeps the rest for `--json`. What is not JSON
(a crash before logging starts) is shown as it is. Rotated files are followed; nothing is ever written.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, cast

from tools.checkout import Checkout

FIRST_LINES = 200
"""Shown of what is there already, newest of all services."""
TAIL_BYTES = 64 * 1024
"""Read of the end of each file for that."""
PAUSE_SECONDS = 0.3
# Said elsewhere in the line, or of use only to who searches the file.
_NOT_REPEATED = {"timestamp", "service", "level", "event", "module", "logger", "route", "trace_id", "exception"}
_REQUEST = ("status", "method", "path", "ms")


def printable(text: str) -> str:
    """Give the text without what a terminal would obey: paths in logs are what clients sent."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def readable(service: str, line: str) -> str:
    """One log line for people."""
    try:
        entry = cast("dict[str, object]", json.loads(line))
        when, event = str(entry["timestamp"]), str(entry["event"])
    except (ValueError, KeyError, TypeError):
        return f"{'':12}  {service:<18}  {printable(line)}"
    if event == "request" and all(name in entry for name in _REQUEST):
        event = "{status} {method} {path}  {ms} ms".format(**entry)
        shown = {name for name in entry if name in _REQUEST}
    else:
        shown = set[str]()
    level = str(entry.get("level", "info"))
    marked = event if level in {"info", "debug"} else f"{level.upper()} {event}"
    rest = {name: value for name, value in entry.items() if name not in _NOT_REPEATED | shown and value is not None}
    details = "".join(f"  {name}={value}" for name, value in rest.items())
    trouble = str(entry.get("exception", ""))
    lines = [f"{when[11:23]}  {service:<18}  {marked}{details}", *(f"    {one}" for one in trouble.splitlines())]
    return "\n".join(map(printable, lines))


def moment(line: str) -> str:
    """When a line was written, empty for a line that does not say."""
    try:
        return str(cast("dict[str, object]", json.loads(line)).get("timestamp", ""))
    except (ValueError, AttributeError):
        return ""


class Follower:
    """The end of one growing file, through its rotations."""

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        """Start where the last `TAIL_BYTES` begin, or with the `whole` file."""
        self.service = path.stem.removeprefix("aex-")
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self._open(0 if whole else path.stat().st_size - TAIL_BYTES)

    def lines(self) -> list[str]:
        """What has been added since the last time, whole lines only."""
        found = self._read()
        if self._rotated():
            self._open(0)
            found += self._read()
        return found

    def _open(self, offset: int) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._path.open("rb")
        self._rest = b""
        if offset > 0:
            self._file.seek(offset)
            self._file.readline()  # the rest of a line that began before

    def _read(self) -> list[str]:
        assert self._file is not None  # noqa: S101  (opened by __init__)
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [line.decode(errors="replace") for line in whole if line]

    def _rotated(self) -> bool:
        assert self._file is not None  # noqa: S101  (opened by __init__)
        try:
            there, here = self._path.stat(), os.fstat(self._file.fileno())
        except OSError:
            return False
        return there.st_ino != here.st_ino or there.st_size < self._file.tell()


def show(follower_lines: Iterable[tuple[Follower, str]], *, as_json: bool) -> None:
    """Print lines of several services in the order in which they were written."""
    for follower, line in follower_lines:
        print(line if as_json else readable(follower.service, line), flush=True)


def main() -> int:
    """Follow until interrupted; 1 when there is nothing to follow."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.logs", description=__doc__)
    parser.add_argument("--stack", default="local", help="the stack (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the lines as they are")
    parser.add_argument("--once", action="store_true", help="show all that is there and end")
    parser.add_argument("services", nargs="*", help="only these, such as `settlement` (default: all)")
    arguments = parser.parse_args()
    folder = Checkout.here().generated / arguments.stack / "logs"
    wanted = {str(name).removeprefix("aex-") for name in arguments.services}
    paths = [path for path in sorted(folder.glob("*.log")) if not wanted or path.stem.removeprefix("aex-") in wanted]
    if not paths:
        print(f"There are no such logs in {folder}: is the exchange up? `make up` starts it.", file=sys.stderr)
        return 1
    followers = [Follower(path, whole=arguments.once) for path in paths]
    try:
        there = sorted(_new(followers), key=lambda pair: moment(pair[1]))
        show(there if arguments.once else there[-FIRST_LINES:], as_json=arguments.json)
        while not arguments.once:
            time.sleep(PAUSE_SECONDS)
            show(sorted(_new(followers), key=lambda pair: moment(pair[1])), as_json=arguments.json)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    return 0


def _new(followers: list[Follower]) -> list[tuple[Follower, str]]:
    return [(follower, line) for follower in followers for line in follower.lines()]


if __name__ == "__main__":
    sys.exit(main())
