"""What setup and the test command say while they work: one line a step, with the time it took.

On a terminal the current line moves; elsewhere (CI, a log file) a long step says every few seconds that it lives.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

TERMINAL_SECONDS = 0.2
LOG_SECONDS = 15.0
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
WIDTH = 110


def duration(seconds: float) -> str:
    """Write a time for people: `0.4 s`, `12 s`, `6 min 10 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


class Step:
    """One thing that is being done. Use as a context manager; `progress` and `result` change what it says."""

    def __init__(self, title: str, *, stream: TextIO | None = None, log_seconds: float = LOG_SECONDS) -> None:
        """Take the title, and for tests the stream and the pause between two signs of life in a log (seconds)."""
        self._title = title
        self._stream = stream or sys.stdout
        self._moves = self._stream.isatty()
        self._pause = TERMINAL_SECONDS if self._moves else log_seconds
        self._progress = ""
        self._result = "done"
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._start = 0.0

    def __enter__(self) -> Step:
        """Start the clock."""
        self._start = time.monotonic()
        if not self._moves:
            self._line("…", "")
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say how it ended."""
        self._ended.set()
        self._ticker.join()
        took = duration(time.monotonic() - self._start)
        self._line("✓" if kind is None else "✗", f"{self._result if kind is None else 'failed'} ({took})")

    def progress(self, text: str) -> None:
        """Set what is shown beside the title while the step runs."""
        self._progress = text

    def result(self, text: str) -> None:
        """Set what is said when the step has ended well."""
        self._result = text

    def note(self, text: str) -> None:
        """Say something that should stay visible."""
        if self._moves:
            self._stream.write("\r\x1b[K")
        self._stream.write(f"    {text}\n")
        self._stream.flush()

    def _tick(self) -> None:
        frame = 0
        while not self._ended.wait(self._pause):
            frame += 1
            took = duration(time.monotonic() - self._start)
            text = f"{self._progress}, {took}" if self._progress else took
            self._line(FRAMES[frame % len(FRAMES)] if self._moves else "…", text, moving=True)

    def _line(self, mark: str, text: str, *, moving: bool = False) -> None:
        line = f"  {mark} {self._title:<36} {text}".rstrip()[:WIDTH]
        if self._moves:
            self._stream.write(f"\r\x1b[K{line}" + ("" if moving else "\n"))
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()
