"""Typed settings per stack: closed, validated on construction, with errors that say which key is wrong and what to set.

`load` is the pure function (config and stack name -> `Settings`); `infra.config.engine` reads the config of the running
program. Nothing else in the platform reads Pulumi's config.
"""

from __future__ import annotations

from infra.config.general import Cloud, Environment
from infra.config.load import load
from infra.config.report import ConfigError
from infra.config.settings import Settings

__all__ = ["Cloud", "ConfigError", "Environment", "Settings", "load"]
