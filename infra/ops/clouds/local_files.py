"""What the files and ports of the local platform tell: databases, logs, listeners."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, cast

import psutil

_TAIL_BYTES: Final = 64 * 1024
_SIGNALS_OF_A_STOP: Final = (0, -15, -2)
"""Ended because it was told to: by itself after SIGTERM, or by SIGTERM and SIGINT."""


def counted(file: Path) -> str:
    """How many documents a service's database holds, and how large it is."""
    size = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*")) / 1e6
    try:
        # Read only, and no lock is waited for: a running service writes meanwhile.
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=1)) as database:
            names = [str(row[0]) for row in database.execute("select name from sqlite_master where type = 'table'")]
            total = 0
            for name in names:
                quoted = name.replace('"', '""')
                total += int(database.execute(f'select count(*) from "{quoted}"').fetchone()[0])  # noqa: S608
    except sqlite3.Error as error:
        return f"{size:.1f} MB, cannot be counted ({error})"
    return f"{total} documents, {size:.1f} MB"


def last_end(log: Path) -> str:
    """How the service's process ended last, when that was not because it was told to; empty otherwise."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    last_words = ""
    for line in reversed(lines):
        entry = _entry(line)
        if entry.get("logger") == "pump" and entry.get("event") == "ended":
            status = entry.get("status")
            if status in _SIGNALS_OF_A_STOP:
                return ""
            how = f"signal {-status}" if isinstance(status, int) and status < 0 else f"exit code {status}"
            before = lines[: lines.index(line)]
            last_words = next((text for text in reversed(before) if _entry(text).get("logger") != "pump"), "")
            said = str(_entry(last_words).get("event") or last_words)[:160]
            return f"ended with {how} at {entry.get('timestamp')}" + (f": {said}" if said else "")
    return ""


def listening(ports: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    """Which of the ports are listened on, and the pid of who does; 0 where the system does not tell."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port in ports:
            yield connection.laddr.port, connection.pid or 0


def _entry(line: str) -> Mapping[str, object]:
    try:
        found: object = json.loads(line)
    except ValueError:
        return {}
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else {}


__all__ = ["counted", "last_end", "listening"]
