"""With service identity on, each internal route answers to the services that need it and to nobody else."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from aex.core.service_tokens import TokenProof, public_key
from aex.work_publisher.app import DEFINITION
from tests.app.support import client_of, error_code, running
from tests.app.work_publisher.conftest import WORK
from tests.app.work_publisher.registry import Registry

CALLERS = ("aex-gateway", "aex-bid-gateway", "aex-bid-evaluator", "aex-contract-engine")
SEEDS = {name: base64.b64encode(bytes([n]) * 32).decode() for n, name in enumerate(CALLERS, 1)}
KEYS = {name: public_key(seed) for name, seed in SEEDS.items()}
AWARD = {"contract_id": "c", "provider_id": "p", "bid_id": "b"}
ALLOWED = [
    ("GET", "", None, {"aex-bid-gateway", "aex-bid-evaluator", "aex-contract-engine"}),
    ("POST", "/bids", {"bid_id": "bid_1"}, {"aex-bid-gateway"}),
    ("POST", "/close-bids", None, {"aex-bid-evaluator", "aex-contract-engine"}),
    ("POST", "/evaluated", {"evaluation_id": "e"}, {"aex-bid-evaluator"}),
    ("POST", "/award", AWARD, {"aex-contract-engine"}),
    ("POST", "/outcome", {"contract_id": "c", "status": "EXECUTING"}, {"aex-contract-engine"}),
]


@asynccontextmanager
async def guarded() -> AsyncIterator[FastAPI]:
    registry = Registry()
    async with running(
        DEFINITION,
        peers={registry.name: registry},
        AEX_SERVICE_AUTH="token",
        AEX_SERVICE_SEED=base64.b64encode(b"s" * 32).decode(),
        AEX_CALLERS=",".join(CALLERS),
        AEX_SERVICE_KEYS=KEYS,
    ) as app:
        yield app


@pytest.mark.parametrize(("method", "action", "body", "allowed"), ALLOWED)
async def test_defect_internal_routes_answer_only_to_their_callers(
    method: str, action: str, body: object, allowed: set[str]
) -> None:
    async with guarded() as app, client_of(app) as client:

        async def call(caller: str | None, method: str, path: str, body: object, **more: str) -> httpx.Response:
            headers = dict(more)
            if caller is not None:
                headers |= await TokenProof(caller, SEEDS[caller]).headers(DEFINITION.name, "")
            return await client.request(method, path, json=body, headers=headers)

        tenant = {"X-Tenant-ID": "tenant_a"}
        work_id = (await call("aex-gateway", "POST", "/v1/work", WORK, **tenant)).json()["work_id"]
        nobody = await call(None, method, f"/internal/work/{work_id}{action}", body)
        assert nobody.status_code == 401 and error_code(nobody) == "service_required"
        for caller in sorted(CALLERS, key=lambda name: name in allowed):  # who may comes last: it changes the work
            answer = await call(caller, method, f"/internal/work/{work_id}{action}", body)
            if caller in allowed:
                assert answer.status_code in {200, 409}, (caller, answer.text)  # 409: the rules of the work, not ours
            else:
                assert answer.status_code == 403 and error_code(answer) == "caller_refused", caller


async def test_only_the_gateway_speaks_for_tenants() -> None:
    async with guarded() as app, client_of(app) as client:
        for caller, consumer in (("aex-gateway", "tenant_a"), ("aex-contract-engine", "default_consumer")):
            proof = await TokenProof(caller, SEEDS[caller]).headers(DEFINITION.name, "")
            made = await client.post("/v1/work", json=WORK, headers={**proof, "X-Tenant-ID": "tenant_a"})
            engine = await TokenProof("aex-contract-engine", SEEDS["aex-contract-engine"]).headers(DEFINITION.name, "")
            work = await client.get(f"/internal/work/{made.json()['work_id']}", headers=engine)
            assert work.json()["consumer_id"] == consumer
