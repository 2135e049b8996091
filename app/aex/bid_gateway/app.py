"""Settings and definition of aex-bid-gateway."""

from fastapi import APIRouter

from aex.bid_gateway.counting import Counting
from aex.bid_gateway.questions import KeyCheck, WorkCheck
from aex.bid_gateway.routes import build_routes
from aex.bid_gateway.service import BIDS, COUNT, BidService
from aex.core.outbox import Outbox
from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings


class BidGatewaySettings(Settings):
    """What aex-bid-gateway reads from the environment."""

    provider_registry_url: str = "http://127.0.0.1:8085"
    work_publisher_url: str = "http://127.0.0.1:8081"


def build(rt: Runtime[BidGatewaySettings]) -> APIRouter:
    """The service's parts, its duty and its routes."""
    publisher = rt.peer("aex-work-publisher")
    outbox = Outbox(rt.store, BIDS, rt.clock, {COUNT: Counting(publisher).handle})
    service = BidService(rt.store, rt.clock, WorkCheck(publisher), outbox, relaxed=rt.settings.relaxed)
    rt.duty("outbox", outbox.sweep)
    return build_routes(service, KeyCheck(rt.peer("aex-provider-registry")))


DEFINITION = Definition(
    name="aex-bid-gateway",
    settings_type=BidGatewaySettings,
    build=build,
    calls={"aex-provider-registry": "provider_registry_url", "aex-work-publisher": "work_publisher_url"},
)

__all__ = ["DEFINITION", "BidGatewaySettings"]
