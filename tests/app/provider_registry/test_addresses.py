"""Outside a developer's environment, only public https addresses are registered, wherever a client gives one."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from aex.core.context import FORWARDED_HEADER
from aex.core.service_tokens import TokenProof, public_key
from aex.provider_registry.app import DEFINITION
from tests.app.provider_registry.conftest import FakeBroker
from tests.app.support import client_of, error_code, running

SEED, CALLER_SEED = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))

REFUSED = [
    "http://agent.example.com",
    "https://127.0.0.1",
    "https://127.0.0.1:8443/x",
    "https://169.254.169.254/latest/meta-data",
    "https://10.1.2.3",
    "https://192.168.0.1",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://localhost",
    "https://metadata.google.internal",
    "https://2130706433",
    "https://0x7f.1",
    "https://aex-settlement",
    "https://user:pass@agent.example.com",
]


@asynccontextmanager
async def in_production(caller: str, **headers: str) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A client that is the service `caller`, in production."""
    broker = FakeBroker()
    async with running(
        DEFINITION,
        peers={broker.name: broker},
        ENVIRONMENT="production",
        AEX_SERVICE_AUTH="token",
        AEX_SERVICE_SEED=SEED,
        AEX_SERVICE_KEYS={caller: public_key(CALLER_SEED)},
        AEX_CALLERS=caller,
    ) as app:
        client = client_of(app, **headers)
        client.headers.update(await TokenProof(caller, CALLER_SEED).headers("aex-provider-registry", ""))
        yield client


@pytest.fixture
async def production() -> AsyncIterator[httpx.AsyncClient]:
    """A client that is the gateway, speaking for a tenant, in production."""
    async with in_production("aex-gateway", x_tenant_id="t") as client:
        yield client


@pytest.mark.parametrize("url", REFUSED)
async def test_private_addresses_are_refused_wherever_one_is_given(production: httpx.AsyncClient, url: str) -> None:
    """Contract 4.6: `https://127.0.0.1` and `https://169.254.169.254` were accepted."""
    good = {"name": "Agent", "endpoint": "https://agent.example.com"}
    answer = await production.post("/v1/providers", json=good)
    assert answer.status_code == 200, answer.text
    provider = answer.json()["provider_id"]
    skills = [{"id": "x"}]
    delivery = {"method": "webhook", "webhook_url": url}
    for path, body in (
        ("/v1/providers", {**good, "endpoint": url}),
        ("/v1/providers", {**good, "bid_webhook": url}),
        (f"/v1/providers/{provider}/agent-card", {"name": "c", "url": url, "skills": skills}),
        ("/v1/subscriptions", {"provider_id": provider, "categories": ["a"], "delivery": delivery}),
    ):
        refused = await production.post(path, json=body)
        assert refused.status_code == 400 and error_code(refused) == "bad_request", (path, refused.text)
        assert "must be a valid URL" in refused.json()["error"]["message"]
    assert (await production.get(f"/v1/providers/{provider}")).json()["endpoint"] == "https://agent.example.com"


async def test_internal_routes_are_not_reached_through_the_gateway(production: httpx.AsyncClient) -> None:
    for answer in (
        await production.get("/internal/v1/providers/subscribed?category=a"),
        await production.post("/internal/v1/providers/validate-key", json={"api_key": "x"}),
    ):
        assert answer.status_code == 403 and error_code(answer) == "caller_refused"


async def test_in_production_no_key_is_taken_from_a_query_string() -> None:
    """Contract 4.6: it ended up in access logs, and would in traces."""
    path = "/internal/v1/providers/validate-key"
    async with in_production("aex-bid-gateway") as client:
        assert (await client.post(path, json={"api_key": "x"})).json()["valid"] is False
        refused = await client.get(path, params={"api_key": "x"})
        assert refused.status_code == 405 and "valid" not in refused.json()


async def test_nobody_else_is_served(production: httpx.AsyncClient) -> None:
    del production.headers["x-aex-service-token"]
    answer = await production.get("/v1/providers")
    assert answer.status_code == 401 and error_code(answer) == "service_required"


async def test_a_client_that_is_no_tenant_owns_nothing_and_sees_nothing(production: httpx.AsyncClient) -> None:
    """The gateway passes some requests on without a tenant: such a client must not be taken for a direct caller."""
    del production.headers["x-tenant-id"]
    production.headers[FORWARDED_HEADER] = "1"
    answer = await production.post("/v1/providers", json={"name": "A", "endpoint": "https://agent.example.com"})
    assert answer.status_code == 403
    assert (await production.get("/v1/subscriptions")).status_code == 403
