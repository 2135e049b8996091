"""Importing the stubs of Pulumi's protocol without the SDK around them.

`pulumi.runtime.proto` is a part of the SDK, and importing it runs the whole SDK: half a second of computing, which a
plugin would pay at every command of the engine and which it has no use for.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path


def import_only_stubs() -> None:
    """Make `pulumi.runtime.proto` importable on its own; call it before anything else imports Pulumi.

    Nothing else of the SDK can be imported in this process afterwards.
    """
    found = importlib.util.find_spec("pulumi")
    if found is None or found.origin is None:
        raise ImportError(f"{sys.executable} has no Pulumi SDK: run `make setup`")
    root = Path(found.origin).parent
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package


__all__ = ["import_only_stubs"]
