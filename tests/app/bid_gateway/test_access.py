"""With service identity on, sealed bids are shown to the services that rank and award them, and to nobody else."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI

from aex.bid_gateway.app import DEFINITION
from aex.core.errors import unavailable
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.core.service_tokens import TokenProof, public_key
from aex.store.port import JsonValue
from tests.app.support import client_of, error_code, running

CALLERS = ("aex-gateway", "aex-bid-evaluator", "aex-contract-engine")
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


ALLOWED = {"aex-bid-evaluator", "aex-contract-engine"}


@pytest.mark.parametrize(
    ("path", "status"), [("/internal/v1/bids?work_id=work_1", 200), ("/internal/v1/bids/bid_1", 404)]
)
async def test_defect_sealed_bids_are_not_shown_to_competitors(path: str, status: int) -> None:
    async with guarded() as app, client_of(app) as client:
        nobody = await client.get(path)
        assert nobody.status_code == 401 and error_code(nobody) == "service_required"
        for caller in CALLERS:
            answer = await client.get(path, headers=await proof(caller))
            assert answer.status_code == (status if caller in ALLOWED else 403), (caller, answer.text)
