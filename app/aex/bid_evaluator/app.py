"""Settings and definition of aex-bid-evaluator."""

from fastapi import APIRouter

from aex.bid_evaluator.routes import build_routes
from aex.bid_evaluator.service import EvaluationService
from aex.bid_evaluator.sources import Sources
from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings


class BidEvaluatorSettings(Settings):
    """What aex-bid-evaluator reads from the environment."""

    work_publisher_url: str = "http://127.0.0.1:8081"
    bid_gateway_url: str = "http://127.0.0.1:8082"
    trust_broker_url: str = "http://127.0.0.1:8086"


def build(rt: Runtime[BidEvaluatorSettings]) -> APIRouter:
    """The service's parts, its duty and its routes."""
    sources = Sources(rt.peer("aex-work-publisher"), rt.peer("aex-bid-gateway"), rt.peer("aex-trust-broker"))
    service = EvaluationService(rt.store, rt.clock, sources)
    rt.duty("evaluate", service.evaluate_closed)
    return build_routes(service)


DEFINITION = Definition(
    name="aex-bid-evaluator",
    settings_type=BidEvaluatorSettings,
    build=build,
    calls={
        "aex-work-publisher": "work_publisher_url",
        "aex-bid-gateway": "bid_gateway_url",
        "aex-trust-broker": "trust_broker_url",
    },
)

__all__ = ["DEFINITION", "BidEvaluatorSettings"]
