"""Tenants over HTTP: the contract's shapes, who may do what, suspension, quotas."""

import asyncio

import pytest

from tests.app.identity.harness import Identity
from tests.app.support import error_code

DEFAULTS = {
    "requests_per_minute": 1000,
    "requests_per_day": 100_000,
    "max_agents": 100,
    "max_concurrent_tasks": 50,
    "max_task_payload_bytes": 262_144,
}


async def test_a_tenant_is_created_with_its_first_key_and_read_back(id_: Identity) -> None:
    answer = await id_.direct.post(
        "/v1/tenants", json={"name": "  Acme ", "email": "x@acme.test", "metadata": {"tier": [1, [2]]}, "type": None}
    )
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert set(made) == {"id", "external_id", "name", "type", "status", "created_at", "api_key", "quotas"}
    assert made["id"].startswith("tenant_") and made["external_id"].startswith("ext_")
    assert (made["name"], made["type"], made["status"], made["quotas"]) == ("Acme", "BOTH", "ACTIVE", DEFAULTS)
    key = made["api_key"]
    assert len(key["key"]) == 69 and key["key"].startswith("aexk_")
    assert key["prefix"] == key["key"][:10] and key["id"] == "key_" + key["key"][5:21]

    read = (await id_.direct.get(f"/v1/tenants/{made['id']}")).json()
    assert read["metadata"] == {"tier": [1, [2]]}
    assert read["contact_email"] == "" and read["updated_at"] == read["created_at"]
    assert "suspended_at" not in read and "api_key" not in read


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "{}",
        '{"name":"  "}',
        '{"name":"a\\u0000b"}',
        '{"name":"\\ud800"}',
        '{"name":7}',
        '{"name":"x","type":"KING"}',
        '{"name":"x","metadata":"text"}',
        '{"name":"x","metadata":{"a":"' + "x" * 70_000 + '"}}',
        '{"name":"' + "x" * 1001 + '"}',
    ],
)
async def test_what_is_no_tenant_is_a_400(id_: Identity, body: str) -> None:
    answer = await id_.direct.post("/v1/tenants", content=body)
    assert answer.status_code == 400, answer.text
    assert error_code(answer) == "bad_request"


async def test_tenants_need_no_unique_name(id_: Identity) -> None:
    """The upstream suite registers the same names again and again."""
    first, second = await id_.tenant("Test Consumer"), await id_.tenant("Test Consumer")
    assert first[0] != second[0]


async def test_field_names_match_in_any_case_and_types_too(id_: Identity) -> None:
    answer = await id_.direct.post("/v1/tenants", json={"NAME": "Acme", "Type": "provider"})
    assert answer.json()["type"] == "PROVIDER"


@pytest.mark.parametrize("tenant_id", ["tenant_0", "..%2f", "a%20b", "__x__"])
async def test_an_unknown_tenant_is_a_404_on_every_route(id_: Identity, tenant_id: str) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/suspend", None),
        ("POST", "/activate", None),
        ("PUT", "/quotas", {"max_agents": 1}),
        ("POST", "/api-keys", {"name": "x"}),
        ("DELETE", "/api-keys/key_0", None),
    ):
        answer = await id_.direct.request(method, f"/v1/tenants/{tenant_id}{path}", json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await id_.direct.get("/internal/v1/tenants/tenant_0/quotas")).status_code == 404
    assert (await id_.direct.get("/v1/tenants/tenant_0/api-keys")).json() == []


async def test_suspension_shuts_out_keeps_its_reason_and_ends(id_: Identity) -> None:
    """The reason of a suspension is stored (upstream never kept it); a suspended tenant's keys open nothing."""
    tenant_id, key, _ = await id_.tenant()
    assert (await id_.validate(key)).status_code == 200
    suspended = (await id_.direct.post(f"/v1/tenants/{tenant_id}/suspend", json={"reason": "unpaid"})).json()
    assert (suspended["status"], suspended["suspension_reason"]) == ("SUSPENDED", "unpaid")
    assert suspended["suspended_at"] == "2026-11-24T12:00:00Z"
    refused = await id_.validate(key)
    assert (refused.status_code, error_code(refused)) == (401, "invalid_api_key")

    id_.clock.advance(60)
    again = (await id_.direct.post(f"/v1/tenants/{tenant_id}/suspend")).json()
    assert again["suspended_at"] == suspended["suspended_at"] and again["suspension_reason"] == "unpaid"

    active = (await id_.direct.post(f"/v1/tenants/{tenant_id}/activate")).json()
    assert active["status"] == "ACTIVE" and not {"suspended_at", "suspension_reason"} & set(active)
    assert (await id_.validate(key)).status_code == 200


async def test_the_operator_cannot_be_locked_out(id_: Identity) -> None:
    answer = await id_.as_operator().post("/v1/tenants/tenant_operator/suspend")
    assert (answer.status_code, error_code(answer)) == (409, "operator_tenant")


async def test_only_operators_create_list_suspend_and_set_quotas(id_: Identity) -> None:
    """No auth on any route (upstream): anybody created tenants and suspended others."""
    tenant_id, _, _ = await id_.tenant()
    mine = id_.as_tenant(tenant_id)
    for method, path in (
        ("POST", "/v1/tenants"),
        ("GET", "/v1/tenants"),
        ("POST", f"/v1/tenants/{tenant_id}/suspend"),
        ("POST", f"/v1/tenants/{tenant_id}/activate"),
        ("PUT", f"/v1/tenants/{tenant_id}/quotas"),
    ):
        body = {"name": "x", "max_agents": 5}
        answer = await mine.request(method, path, json=None if method == "GET" else body)
        assert (answer.status_code, error_code(answer)) == (403, "insufficient_scope"), (method, path)
        answer = await id_.as_operator().request(method, path, json=None if method == "GET" else body)
        assert answer.status_code in {200, 201}, (method, path, answer.text)


async def test_a_tenant_sees_and_manages_only_itself(id_: Identity) -> None:
    """No auth on any route (upstream): anybody read tenants and made keys for any of them."""
    mine_id, _, _ = await id_.tenant()
    other_id, _, other_key = await id_.tenant()
    mine = id_.as_tenant(mine_id)
    assert (await mine.get(f"/v1/tenants/{mine_id}")).status_code == 200
    for method, path in (
        ("GET", f"/v1/tenants/{other_id}"),
        ("GET", f"/v1/tenants/{other_id}/api-keys"),
        ("POST", f"/v1/tenants/{other_id}/api-keys"),
        ("DELETE", f"/v1/tenants/{other_id}/api-keys/{other_key}"),
        ("GET", "/v1/tenants/tenant_that_is_not_there"),
    ):
        answer = await mine.request(method, path, json={"name": "x"} if method == "POST" else None)
        assert (answer.status_code, error_code(answer)) == (403, "forbidden"), (method, path)
    assert (await mine.delete(f"/v1/tenants/{mine_id}/api-keys/{other_key}")).status_code == 404


async def test_a_client_without_a_tenant_may_nothing(id_: Identity) -> None:
    """What the gateway passes on for a bare bearer token has no tenant, and must not pass for a service."""
    tenant_id, _, _ = await id_.tenant()
    from tests.app.support import client_of

    nobody = client_of(id_.app, x_aex_forwarded="1")
    assert (await nobody.get(f"/v1/tenants/{tenant_id}")).status_code == 403
    assert (await nobody.post("/v1/tenants", json={"name": "x"})).status_code == 403
    assert (await nobody.post("/internal/v1/apikeys/validate", json={"key_id": "key_0"})).status_code == 403


async def test_quotas_are_changed_one_by_one(id_: Identity) -> None:
    tenant_id, key, _ = await id_.tenant()
    answer = await id_.direct.put(f"/v1/tenants/{tenant_id}/quotas", json={"requests_per_minute": 7})
    assert answer.json() == {**DEFAULTS, "requests_per_minute": 7}
    assert (await id_.direct.get(f"/internal/v1/tenants/{tenant_id}/quotas")).json() == answer.json()
    assert (await id_.validate(key)).json()["quotas"] == answer.json()
    for wrong in (0, -1, 10**10, "7", 1.5):
        answer = await id_.direct.put(f"/v1/tenants/{tenant_id}/quotas", json={"max_agents": wrong})
        assert answer.status_code == 400, wrong


async def test_tenants_are_listed_in_pages_newest_first(id_: Identity) -> None:
    made: list[str] = []
    for number in range(5):
        id_.clock.advance(1)
        made.append((await id_.tenant(f"T{number}"))[0])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await id_.direct.get("/v1/tenants", params=params)).json()
        assert len(page["tenants"]) <= 2 and page["total"] == len(page["tenants"])
        seen += [tenant["id"] for tenant in page["tenants"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert seen == [*reversed(made), "tenant_operator"]
    assert (await id_.direct.get("/v1/tenants", params={"cursor": "nonsense"})).status_code == 400


async def test_a_suspension_and_changes_of_quotas_at_the_same_time_lose_nothing(id_: Identity) -> None:
    tenant_id, key, _ = await id_.tenant()
    wanted = {name: number for number, name in enumerate(DEFAULTS, 1001)}
    for suspended in (True, False):
        wanted = {name: number + 100 for name, number in wanted.items()}
        answers = await asyncio.gather(
            *(id_.direct.put(f"/v1/tenants/{tenant_id}/quotas", json={name: wanted[name]}) for name in wanted),
            id_.direct.post(f"/v1/tenants/{tenant_id}/{'suspend' if suspended else 'activate'}"),
        )
        assert {answer.status_code for answer in answers} == {200}
        read = (await id_.direct.get(f"/v1/tenants/{tenant_id}")).json()
        assert read["quotas"] == wanted
        assert read["status"] == ("SUSPENDED" if suspended else "ACTIVE")
    assert (await id_.validate(key)).json()["quotas"] == wanted
