"""aex-telemetry: its settings, and how its parts are put together."""

from fastapi import APIRouter
from pydantic import Field

from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings
from aex.telemetry.chunks import KINDS, LOGS
from aex.telemetry.keeping import Bounds, Keeper
from aex.telemetry.routes import Telemetry, routes


class TelemetrySettings(Settings):
    """The bounds of what is kept."""

    max_log_entries: int = Field(default=10_000, ge=1)
    max_metric_items: int = Field(default=10_000, ge=1)
    """Also bounds spans (contract 10.1)."""
    max_telemetry_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    """JSON text of each kind: 10,000 records of 6 KiB."""
    telemetry_retention_seconds: float = Field(default=7 * 86_400, gt=0)


def build(rt: Runtime[TelemetrySettings]) -> APIRouter:
    """Telemetry on `rt`."""
    settings = rt.settings
    bounds = {
        kind.name: Bounds(
            settings.max_log_entries if kind is LOGS else settings.max_metric_items, settings.max_telemetry_bytes
        )
        for kind in KINDS
    }
    keeper = Keeper(rt.store, rt.clock, bounds)
    rt.duty("evict", keeper.evict)
    return routes(Telemetry(rt.store, rt.clock, keeper, bounds, settings.telemetry_retention_seconds))


DEFINITION = Definition(name="aex-telemetry", settings_type=TelemetrySettings, build=build)

__all__ = ["DEFINITION", "TelemetrySettings", "build"]
