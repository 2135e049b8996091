"""Settings and definition of aex-work-publisher."""

from fastapi import APIRouter

from aex.core.outbox import Outbox
from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings
from aex.work_publisher.background import Background
from aex.work_publisher.broadcast import DEADLINE_SECONDS, KIND, Broadcast
from aex.work_publisher.routes import build_routes
from aex.work_publisher.service import WORK, WorkService
from aex.work_publisher.webhooks import Webhooks

MAX_BROADCASTS = 64
"""Broadcasts under way right after publishing; more wait for the sweep."""
SWEPT_AT_ONCE = 16
"""Works whose broadcasts one sweep goes on with, so that it never holds up the other duty for long."""


class WorkPublisherSettings(Settings):
    """What aex-work-publisher reads from the environment."""

    provider_registry_url: str = "http://127.0.0.1:8085"


def build(rt: Runtime[WorkPublisherSettings]) -> APIRouter:
    """The service's parts, its duties and its routes."""
    webhooks = Webhooks(relaxed=rt.settings.relaxed)
    broadcast = Broadcast(rt.store, rt.peer("aex-provider-registry"), webhooks, rt.clock)
    outbox = Outbox(rt.store, WORK, rt.clock, {KIND: broadcast.handle}, deadline=DEADLINE_SECONDS)
    background = Background(MAX_BROADCASTS)
    service = WorkService(rt.store, rt.clock, broadcast, outbox, background)
    rt.stopping += [background.stop, webhooks.close]
    rt.duty("close-windows", service.close_windows)
    rt.duty("broadcast", lambda: outbox.sweep(SWEPT_AT_ONCE))
    return build_routes(service)


DEFINITION = Definition(
    name="aex-work-publisher",
    settings_type=WorkPublisherSettings,
    build=build,
    calls={"aex-provider-registry": "provider_registry_url"},
)

__all__ = ["DEFINITION", "WorkPublisherSettings"]
