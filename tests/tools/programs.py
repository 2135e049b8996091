"""Programs that pretend: shell scripts with a name and something to say."""

from pathlib import Path


def program(folder: Path, name: str, says: str = "", *, code: int = 0) -> Path:
    """Write an executable that prints a line and ends with a code."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path
