"""With service identity on, evaluations are made and shown for the contract-engine and the consumer alone."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI

from aex.bid_evaluator.app import DEFINITION
from aex.core.errors import unavailable
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.core.service_tokens import TokenProof, public_key
from aex.store.port import JsonValue
from tests.app.support import client_of, error_code, running

CALLERS = ("aex-gateway", "aex-contract-engine")
SEEDS = {name: base64.b64encode(bytes([n]) * 32).decode() for n, name in enumerate(CALLERS, 1)}


class Silent:
    """A peer that cannot be reached."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> Reply:
        raise unavailable(f"{self.name} cannot be reached", code="peer_unavailable")


@asynccontextmanager
async def guarded() -> AsyncIterator[FastAPI]:
    async with running(
        DEFINITION,
        peers={name: Silent(name) for name in DEFINITION.calls},
        AEX_SERVICE_AUTH="token",
        AEX_SERVICE_SEED=base64.b64encode(b"s" * 32).decode(),
        AEX_CALLERS=",".join(CALLERS),
        AEX_SERVICE_KEYS={name: public_key(seed) for name, seed in SEEDS.items()},
    ) as app:
        yield app


async def proof(caller: str) -> dict[str, str]:
    return dict(await TokenProof(caller, SEEDS[caller]).headers(DEFINITION.name, ""))


INTERNAL = [
    ("POST", "/internal/v1/evaluate", {"work_id": "work_1"}, 503),
    ("GET", "/internal/v1/evaluations/auto-award", None, 200),
    ("GET", "/internal/v1/evaluations/work_1", None, 404),
    ("POST", "/internal/v1/evaluations/work_1/awarded", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), INTERNAL)
async def test_defect_internal_routes_answer_only_to_the_contract_engine(
    method: str, path: str, body: object, status: int
) -> None:
    async with guarded() as app, client_of(app) as client:
        nobody = await client.request(method, path, json=body)
        assert nobody.status_code == 401 and error_code(nobody) == "service_required"
        gateway = await client.request(method, path, json=body, headers=await proof("aex-gateway"))
        assert gateway.status_code == 403 and error_code(gateway) == "caller_refused"
        engine = await client.request(method, path, json=body, headers=await proof("aex-contract-engine"))
        assert engine.status_code == status, engine.text
