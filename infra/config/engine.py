"""Where the settings meet the engine: reads the running program's whole config and stack name."""

from __future__ import annotations

from typing import cast

import pulumi
from pulumi.runtime import config as runtime

from infra.config.load import load
from infra.config.settings import Settings


def settings_of_this_stack() -> Settings:
    """The settings of the stack that the engine runs the program for; ConfigError when its config cannot be used."""
    # `pulumi.Config` reads single keys; refusing unknown ones needs all of them.
    from_engine = cast("dict[str, object]", runtime.get_config_env())
    from_program = cast("dict[str, object]", runtime.CONFIG.get())
    return load({**from_engine, **from_program}, pulumi.get_stack())
