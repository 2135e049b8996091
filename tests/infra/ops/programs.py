"""Stand-ins for programs that the pipelines call: they write down how they were called, and answer what a test says."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = """\
#!/usr/bin/env -S python3 -IS
import json, re, sys
from pathlib import Path

here, words = Path(__file__).parent, [Path(__file__).name, *sys.argv[1:]]
read = sys.stdin.read() if "--input" in words else ""
with (here / "calls").open("a") as file:
    file.write(json.dumps([words, read]) + "\\n")
for pattern, code, text in json.loads((here / "answers").read_text()):
    if re.search(pattern, " ".join(words)):
        (sys.stdout if code == 0 else sys.stderr).write(text)
        sys.exit(code)
sys.exit(f"no answer to {' '.join(words)}")
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its words, and the JSON that it was given to send."""

    words: Sequence[str]
    sent: Any


class Programs:
    """A folder of stand-ins, for the front of PATH."""

    def __init__(self, folder: Path, *names: str) -> None:
        """Make them."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "answers").write_text("[]")
        for name in names:
            (folder / name).write_text(_SCRIPT)
            (folder / name).chmod(0o755)

    @property
    def path(self) -> str:
        """PATH with the stand-ins first."""
        return os.pathsep.join([str(self._folder), os.environ["PATH"]])

    def answer(self, pattern: str, answer: object = "", *, code: int = 0) -> None:
        """What is written for a command line in which the pattern is found; the latest answer wins."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        known = json.loads((self._folder / "answers").read_text())
        (self._folder / "answers").write_text(json.dumps([[pattern, code, text], *known]))

    def calls(self, pattern: str = "") -> list[Call]:
        """The calls whose command line contains the text, in order."""
        file = self._folder / "calls"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [Call(words, json.loads(sent) if sent else None) for words, sent in lines if pattern in " ".join(words)]


__all__ = ["Call", "Programs"]
