"""The Pulumi program: reads the stack's settings, builds the platform on each of its clouds, exports the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol, cast

import pulumi

from infra.config import Cloud, ConfigError, Environment, Settings
from infra.config.engine import settings_of_this_stack

_ALREADY_EXPLAINED: Final = 32
"""The exit code that tells Pulumi's language host that the person has been told. A RunError would add a second error,
"an unhandled error occurred", to ours."""


class Platform(Protocol):
    """What `infra/<cloud>/platform.py` (or `bootstrap.py`) offers: a `build` that declares everything on that cloud."""

    def build(self, settings: Settings) -> Mapping[str, pulumi.Input[object]]:
        """Declare the resources and return the outputs of this cloud."""
        ...


def platform(cloud: Cloud, settings: Settings) -> Platform:
    """The platform of a cloud. Imported only when it is needed: the SDK of a cloud takes seconds to load."""
    part = "bootstrap" if settings.environment is Environment.BOOTSTRAP else "platform"
    package = f"infra.{cloud}"
    if find_spec(package) is None or find_spec(f"{package}.{part}") is None:
        raise ConfigError(
            settings.stack,
            [
                f"agent-exchange:clouds: this version cannot deploy to {cloud} ({package}.{part} does not exist): take "
                f"{cloud} out of the list; `make up` runs the exchange on this machine"
            ],
        )
    return cast("Platform", import_module(f"{package}.{part}"))


def main() -> None:
    """Build every platform of the stack. Bad config is reported without a stack trace, before any resource."""
    try:
        settings = settings_of_this_stack()
        platforms = {cloud: platform(cloud, settings) for cloud in settings.clouds}
        for cloud, chosen in platforms.items():
            # A platform may look up what the config refers to, and find that it does not exist.
            pulumi.export(cloud.value, chosen.build(settings))
    except ConfigError as error:
        pulumi.log.error(str(error))
        raise SystemExit(_ALREADY_EXPLAINED) from None


if __name__ == "__main__":
    main()
