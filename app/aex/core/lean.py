"""What a service's process does without, at its start and afterwards: called before anything else is imported.

Each line is worth what `bench/NOTES.md` says. Nothing here changes what a service does.
"""

import gc
import os
import sys

_YOUNG, _MIDDLE, _OLD = 10_000, 20, 50
"""Allocations before a young collection, and collections before an older one: Python's own 700, 10, 10 are for
programs that live seconds."""


def before_imports() -> None:
    """Nothing is garbage yet; no plugin of pydantic is looked for; rich, which only draws for terminals, stays out."""
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if "rich" not in sys.modules:
        # structlog's console renderer takes rich wherever it finds it; we write JSON.
        sys.modules["rich"] = None  # pyright: ignore[reportArgumentType] - how Python says that there is no such module
    _import_framework()


def _import_framework() -> None:
    """FastAPI with its 30 models of OpenAPI, which are made when somebody asks for the description, not now."""
    from pydantic import BaseModel, ConfigDict

    usual = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        import fastapi  # noqa: F401 # pyright: ignore[reportUnusedImport] - imported under this setting, that is all
    finally:
        BaseModel.model_config = usual


def started() -> None:
    """Everything that is there now stays for good: collections need never look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    gc.enable()


__all__ = ["before_imports", "started"]
