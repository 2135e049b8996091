"""A whole trade by direct calls to ten services in this process, which leaves something in every collection."""

from typing import cast

from tests.app.world import World

TENANT = "tenant_c"
"""The consumer."""


async def must(
    world: World, service: str, method: str, path: str, body: object = None, **headers: str
) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await world.client(service).request(method, path, json=body, headers=named)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return cast("dict[str, str]", answer.json())


async def trade(world: World) -> dict[str, str]:
    """One whole trade by direct calls; the ids of what was made, by the names of path parameters."""
    ids = await parties(world)
    ids |= await contract(world, ids)
    await records(world)
    return ids


async def parties(world: World) -> dict[str, str]:
    tenant = await must(
        world, "identity", "POST", "/v1/tenants", {"name": "T", "external_id": "t", "contact_email": "a@b.example"}
    )
    where = f"/v1/tenants/{tenant.get('tenant_id') or tenant['id']}/api-keys"
    key = await must(world, "identity", "POST", where, {"name": "k", "scopes": ["*"]})
    body = {"name": "P", "endpoint": "https://agents.example.com/a2a", "capabilities": ["general"]}
    quotas = {"X_Tenant_ID": "tenant_p", "X_AEX_Quotas": "max_agents=5"}
    provider = await must(world, "provider-registry", "POST", "/v1/providers", body, **quotas)
    card = {"name": "P", "url": "https://agents.example.com/a2a", "skills": [{"id": "translate", "tags": ["fast"]}]}
    await must(world, "provider-registry", "POST", f"/v1/providers/{provider['provider_id']}/agent-card", card)
    subscription = {"provider_id": provider["provider_id"], "categories": ["general"]}
    subscribed = await must(world, "provider-registry", "POST", "/v1/subscriptions", subscription)
    return {
        "tenant_id": tenant.get("tenant_id") or tenant["id"],
        "key_id": key.get("key_id") or key["id"],
        "provider_id": provider["provider_id"],
        "provider_key": provider["api_key"],
        "subscription_id": subscribed["subscription_id"],
        "domain": "general",
        "trace_id": "trace",
    }


async def contract(world: World, ids: dict[str, str]) -> dict[str, str]:
    work = {"category": "general", "description": "d", "budget": {"max_price": 100}, "bid_window_ms": 60_000}
    made = await must(world, "work-publisher", "POST", "/v1/work", work, X_Consumer_ID=TENANT)
    expires = world.clock.moment.replace(year=world.clock.moment.year + 1).isoformat()
    bid = {
        "work_id": made["work_id"],
        "price": 10,
        "confidence": 0.8,
        "a2a_endpoint": "https://agents.example.com/a2a",
        "expires_at": expires,
    }
    bearer = f"Bearer {ids['provider_key']}"
    sent = await must(world, "bid-gateway", "POST", "/v1/bids", bid, Authorization=bearer)
    await must(world, "bid-evaluator", "POST", f"/v1/work/{made['work_id']}/evaluate")
    award = {"bid_id": sent["bid_id"]}
    awarded = await must(world, "contract-engine", "POST", f"/v1/work/{made['work_id']}/award", award)
    proof = f"Bearer {awarded['execution_token']}"
    done = {"success": True, "result_summary": "done"}
    where = f"/v1/contracts/{awarded['contract_id']}"
    await must(
        world, "contract-engine", "POST", f"{where}/progress", {"status": "x", "percent": 1}, Authorization=proof
    )
    await must(world, "contract-engine", "POST", f"{where}/complete", done, Authorization=proof)
    return {"work_id": made["work_id"], "bid_id": sent["bid_id"], "contract_id": awarded["contract_id"]}


async def records(world: World) -> None:
    deposit = {"tenant_id": TENANT, "amount": "5"}
    await must(world, "settlement", "POST", "/v1/deposits", deposit)
    for headers in ({}, {"X_Tenant_ID": TENANT}):
        await must(
            world,
            "telemetry",
            "POST",
            "/v1/logs",
            [{"service": "svc", "level": "error", "message": "m"}] * 2,
            **headers,
        )
        await must(
            world,
            "telemetry",
            "POST",
            "/v1/metrics",
            [{"service": "svc", "name": "latency", "value": 1}] * 2,
            **headers,
        )
        await must(world, "telemetry", "POST", "/v1/spans", [{"trace_id": "trace", "span_id": "s"}] * 2, **headers)
