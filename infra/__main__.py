"""The Pulumi program: reads the stack's settings, builds the platform on each of its clouds, exports the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol, cast

import pulumi

from infra.components.catalog import CATALOG
from infra.components.secret_values import SecretValues
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


class CloudPlatform(Protocol):
    """The same of a platform that may stand beside another one."""

    def build(self, settings: Settings, values: SecretValues) -> Mapping[str, pulumi.Input[object]]:
        """Declare the resources, with the stack's secrets instead of some of its own."""
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


def built(
    settings: Settings, platforms: Mapping[Cloud, Platform]
) -> Iterator[tuple[Cloud, Mapping[str, pulumi.Input[object]]]]:
    """Build each platform. Those of one stack share its secrets, so that an exchange can move from one to the other."""
    if len(platforms) == 1 or settings.environment is Environment.BOOTSTRAP:
        yield from ((cloud, chosen.build(settings)) for cloud, chosen in platforms.items())
        return
    values = SecretValues(CATALOG, settings.secrets, protect=settings.protect)
    for cloud, chosen in platforms.items():
        yield cloud, cast("CloudPlatform", chosen).build(settings, values)


def main() -> None:
    """Build every platform of the stack. Bad config is reported without a stack trace, before any resource."""
    try:
        settings = settings_of_this_stack()
        platforms = {cloud: platform(cloud, settings) for cloud in settings.clouds}
        # A platform may look up what the config refers to, and find that it does not exist.
        for cloud, outputs in built(settings, platforms):
            pulumi.export(cloud.value, outputs)
    except ConfigError as error:
        pulumi.log.error(str(error))
        raise SystemExit(_ALREADY_EXPLAINED) from None


if __name__ == "__main__":
    main()
