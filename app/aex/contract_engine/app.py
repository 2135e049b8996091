"""aex-contract-engine as a service: its settings, its peers, its duties, its routes."""

from fastapi import APIRouter
from pydantic import SecretStr

from aex.contract_engine.auto import AutoAward
from aex.contract_engine.award import CONTRACTS, Awards
from aex.contract_engine.choice import Choice
from aex.contract_engine.effects import handlers
from aex.contract_engine.life import Life
from aex.contract_engine.routes import contract_routes
from aex.contract_engine.tokens import Tokens
from aex.core.keys import Pepper
from aex.core.outbox import Outbox
from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings

WORK_PUBLISHER, BID_GATEWAY, BID_EVALUATOR = "aex-work-publisher", "aex-bid-gateway", "aex-bid-evaluator"
SETTLEMENT, TRUST_BROKER = "aex-settlement", "aex-trust-broker"


class ContractEngineSettings(Settings):
    """Whom it calls, and what its tokens are made with."""

    work_publisher_url: str = "http://127.0.0.1:8081"
    bid_gateway_url: str = "http://127.0.0.1:8082"
    bid_evaluator_url: str = "http://127.0.0.1:8083"
    settlement_url: str = "http://127.0.0.1:8088"
    trust_broker_url: str = "http://127.0.0.1:8086"
    api_key_salt: SecretStr


def build(runtime: Runtime[ContractEngineSettings]) -> APIRouter:
    """Wires the service."""
    store, clock = runtime.store, runtime.clock
    works, evaluator = runtime.peer(WORK_PUBLISHER), runtime.peer(BID_EVALUATOR)
    tokens = Tokens(Pepper(runtime.settings.api_key_salt))
    choice = Choice(works, runtime.peer(BID_GATEWAY), evaluator, clock)
    awards = Awards(store, choice, works, tokens, clock)
    outbox = Outbox(
        store, CONTRACTS, clock, handlers(awards, works, runtime.peer(SETTLEMENT), runtime.peer(TRUST_BROKER))
    )
    life = Life(store, outbox, tokens, clock)
    runtime.duty("outbox", outbox.sweep)
    runtime.duty("auto-award", AutoAward(store, awards, evaluator).run)
    runtime.duty("expire", life.expire)
    return contract_routes(store, awards, life)


DEFINITION = Definition(
    name="aex-contract-engine",
    settings_type=ContractEngineSettings,
    build=build,
    calls={
        WORK_PUBLISHER: "work_publisher_url",
        BID_GATEWAY: "bid_gateway_url",
        BID_EVALUATOR: "bid_evaluator_url",
        SETTLEMENT: "settlement_url",
        TRUST_BROKER: "trust_broker_url",
    },
)

__all__ = ["DEFINITION", "ContractEngineSettings"]
