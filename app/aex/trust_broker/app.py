"""aex-trust-broker: its settings, and how its parts are put together."""

from fastapi import APIRouter

from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings
from aex.trust_broker.broker import Broker
from aex.trust_broker.routes import routes


class TrustSettings(Settings):
    """Nothing beyond what every service reads."""


def build(rt: Runtime[TrustSettings]) -> APIRouter:
    """The trust broker on `rt`."""
    return routes(Broker(rt.store, rt.clock))


DEFINITION = Definition(name="aex-trust-broker", settings_type=TrustSettings, build=build)

__all__ = ["DEFINITION", "TrustSettings", "build"]
