"""Where requests go, what they carry, and what never gets through."""

from aex.gateway.table import ROUTES, RouteTable, segments_of
from tests.app.gateway.harness import OPERATOR_KEY, Wire, World, serving
from tests.app.support import error_code

EXPECTED = (
    ("GET", "/v1/work", "aex-work-publisher"),
    ("POST", "/v1/work", "aex-work-publisher"),
    ("GET", "/v1/work/work_1", "aex-work-publisher"),
    ("POST", "/v1/work/work_1/cancel", "aex-work-publisher"),
    ("POST", "/v1/work/work_1/award", "aex-contract-engine"),
    ("POST", "/v1/work/work_1/evaluate", "aex-bid-evaluator"),
    ("GET", "/v1/work/work_1/evaluation", "aex-bid-evaluator"),
    ("POST", "/v1/bids", "aex-bid-gateway"),
    ("GET", "/v1/bids", "aex-bid-gateway"),
    ("GET", "/v1/contracts/contract_1", "aex-contract-engine"),
    ("POST", "/v1/contracts/contract_1/progress", "aex-contract-engine"),
    ("POST", "/v1/contracts/contract_1/complete", "aex-contract-engine"),
    ("POST", "/v1/contracts/contract_1/fail", "aex-contract-engine"),
    ("POST", "/v1/providers", "aex-provider-registry"),
    ("GET", "/v1/providers/prov_1", "aex-provider-registry"),
    ("GET", "/v1/providers/search", "aex-provider-registry"),
    ("GET", "/v1/providers/prov_1/trust", "aex-trust-broker"),
    ("GET", "/v1/subscriptions", "aex-provider-registry"),
    ("GET", "/v1/capabilities", "aex-provider-registry"),
    ("GET", "/v1/capabilities/translation", "aex-provider-registry"),
    ("GET", "/v1/usage", "aex-settlement"),
    ("GET", "/v1/usage/transactions", "aex-settlement"),
    ("GET", "/v1/balance", "aex-settlement"),
    ("POST", "/v1/deposits", "aex-settlement"),
    ("GET", "/v1/tenants", "aex-identity"),
    ("POST", "/v1/tenants/t/api-keys", "aex-identity"),
    ("DELETE", "/v1/tenants/t/api-keys/k", "aex-identity"),
    ("POST", "/v1/tokens", "aex-identity"),
    ("POST", "/v1/logs", "aex-telemetry"),
    ("GET", "/v1/metrics", "aex-telemetry"),
    ("POST", "/v1/spans", "aex-telemetry"),
    ("GET", "/v1/traces/abc", "aex-telemetry"),
    ("GET", "/v1/stats", "aex-telemetry"),
)


async def test_every_public_route_reaches_its_backend(w: World) -> None:
    """Missing routes for award, trust, evaluation, telemetry (upstream)."""
    client = w.client(OPERATOR_KEY)
    for method, path, target in EXPECTED:
        answer = await client.request(method, path)
        assert answer.status_code == 200, answer.text
        assert (w.backend.last.target, w.backend.last.method, w.backend.last.path) == (target, method, path)


async def test_prefixes_end_at_segments_and_nothing_internal_is_reachable(w: World) -> None:
    """Prefix match without boundary (upstream): `/v1/workfoo` went to work-publisher."""
    for path in (
        "/",
        "/v1",
        "/v2/work",
        "/work",
        "/v1/workfoo",
        "/v1/work-else",
        "/v1/providersx/prov_1",
        "/v1/bidsX",
        "/v1/unknown",
        "/V1/work",
        "/internal/v1/apikeys/validate",
        "/internal/work/w/award",
        "/internal/v1/duties/run",
        "/v1/internal",
        "/metricsx",
    ):
        answer = await w.get(path, OPERATOR_KEY)
        assert (answer.status_code, error_code(answer)) == (404, "endpoint_not_found"), path
        assert answer.json()["error"]["message"] == "Endpoint not found"
    assert not w.backend.seen


TRICKS = [
    b"/v1//work",
    b"//v1/work",
    b"/v1/work/",
    b"/v1/work/../tenants",
    b"/v1/work/..",
    b"/v1/./work",
    b"/v1/work/%2e%2e/tenants",
    b"/v1/work/%2E%2e",
    b"/v1/work/.%2e/x",
    b"/v1/work/a%2fb",
    b"/v1/work/a%5cb",
    b"/v1/work/a%00b",
    b"/v1/work/a%0d%0aX-Tenant-ID:%20x",
    b"/v1/work/a%7f",
    b"/v1/work/%",
    b"/v1/work/%2",
    b"/v1/work/%zz",
    b"/v1/work/a\\b",
    b"/v1/work/a|b",
    b"/v1/work;/../x",
    b"/internal/../v1/work",
    b"/health/../v1/work",
]


async def test_paths_that_two_readers_could_read_differently_are_refused(w: World) -> None:
    """Dot segments, empty segments and encoded separators, in any spelling, as they arrive on the wire."""
    rest = b" HTTP/1.1\r\nHost: x\r\nX-API-Key: " + w.key.encode() + b"\r\nConnection: close\r\n\r\n"
    async with serving(w.app) as url:
        for path in TRICKS:
            answer = await Wire(url).say(b"GET " + path + rest)
            assert answer.startswith(b"HTTP/1.1 400 "), (path, answer[:200])
    assert not w.backend.seen


async def test_a_path_is_passed_on_as_it_came(w: World) -> None:
    """Forward the raw path: a decoded one breaks the request line, and lets a client inject one."""
    for path in ("/v1/work/a%20b", "/v1/work/%C3%A9~!$&'()*+,;=:@", "/v1/capabilities/x%3Fy", "/v1/traces/%25%32%65"):
        assert (await w.get(f"{path}?q=%20+%26&q=2")).status_code == 200
        assert (w.backend.last.path, w.backend.last.query) == (path, "q=%20+%26&q=2")


async def test_encoding_a_letter_changes_neither_route_nor_scope(w: World) -> None:
    """`/v1/tenants/t/%73uspend` is still the operator's, `/v1/%77ork` still work."""
    for path in (f"/v1/tenants/{w.tenant_id}/%73uspend", f"/v1/%74enants/{w.tenant_id}/%73uspend"):
        answer = await w.client(w.key).post(path)
        assert (answer.status_code, error_code(answer)) == (403, "insufficient_scope")
    keys_only = await w.new_key("tenants:read")
    assert (await w.get(f"/v1/tenants/{w.tenant_id}/%61pi-keys", keys_only)).status_code == 403
    await w.client(w.key).post("/v1/work/w/%61ward")
    assert w.backend.last.target == "aex-contract-engine"


async def test_absolute_targets_are_routed_by_their_path(w: World) -> None:
    async with serving(w.app) as url:
        answer = await Wire(url).say(
            b"GET http://elsewhere.test/v1/work HTTP/1.1\r\nHost: elsewhere.test\r\nX-API-Key: "
            + w.key.encode()
            + b"\r\nConnection: close\r\n\r\n"
        )
    assert answer.startswith(b"HTTP/1.1 200 ") and w.backend.last.path == "/v1/work"
    assert w.backend.last.headers["host"] != "elsewhere.test"


def test_the_table_is_sound() -> None:
    """Every entry is reachable by its own path, no two have the same one, and all are public ones."""
    table = RouteTable()
    assert len({route.path for route in ROUTES}) == len(ROUTES)
    for route in ROUTES:
        sample = [f"id{n}" if part.startswith("{") else part for n, part in enumerate(route.path.split("/")[1:])]
        assert table.find(sample) is route
        assert table.find([*sample, "below", "it"]) is not None
        assert route.path.startswith("/v1/")
    assert segments_of(b"/v1/work") == ["v1", "work"]


FORGED = {
    "X-Tenant-ID": "tenant_other",
    "x-tenant-id": "tenant_other",
    "X_Tenant_ID": "tenant_other",
    "X-Consumer-ID": "tenant_other",
    "X-AEX-Scopes": "operator",
    "X-AEX-Key-ID": "key_0",
    "X-AEX-Quotas": "max_agents=999999",
    "X-AEX-Service-Token": "forged",
    "X-AEX-Anything": "x",
    "X-Serverless-Authorization": "Bearer forged",
    "X-Forwarded-For": "8.8.8.8",
    "X-Forwarded-Host": "elsewhere",
    "X-Forwarded-Proto": "gopher",
    "Forwarded": "for=8.8.8.8",
    "X-Real-IP": "8.8.8.8",
    "Proxy-Authorization": "Basic x",
    "TE": "trailers",
    "Upgrade": "h2c",
    "Keep-Alive": "x",
}


async def test_no_client_can_forge_what_the_gateway_says(w: World) -> None:
    """Tenant isolation is not enforced anywhere (upstream): a client passed its own `X-Consumer-ID` and tenant."""
    for name, forged in [*FORGED.items(), ("", "")]:
        answer = await w.client(w.key).get("/v1/work", headers={name: forged} if name else FORGED)
        assert answer.status_code == 200
        got = w.backend.last
        assert not {value for _, value in got.pairs} & ({forged} if name else set(FORGED.values())), name
        assert got.headers["x-tenant-id"] == w.tenant_id and got.headers["x-aex-key-id"] == w.key_id
        assert got.headers["x-aex-scopes"] == "*"
        assert got.headers["x-aex-quotas"] == (
            "max_agents=100,max_concurrent_tasks=50,max_task_payload_bytes=262144,"
            "requests_per_day=100000,requests_per_minute=1000"
        )
        assert [name for name, _ in got.pairs].count("x-tenant-id") == 1


async def test_a_connection_header_cannot_drop_what_the_gateway_adds(w: World) -> None:
    """`Connection: X-Tenant-ID` asks the next proxy to remove that header."""
    await w.client(w.key).get(
        "/v1/work",
        headers={"Connection": "X-Tenant-ID, X-AEX-Scopes, X-Mine, keep-alive", "X-Mine": "1", "X-Other": "2"},
    )
    got = w.backend.last.headers
    assert got["x-tenant-id"] == w.tenant_id and got["x-aex-scopes"] == "*"
    assert "x-mine" not in got and got["x-other"] == "2"


async def test_ordinary_headers_cross_and_credentials_do_not(w: World) -> None:
    await w.client(w.key, authorization="Bearer mine").post(
        "/v1/work",
        json={"a": 1},
        headers={"X-Idempotency-Key": "k1", "Accept-Language": "de", "Content-Type": "application/json; x=1"},
    )
    got = w.backend.last
    assert got.headers["x-idempotency-key"] == "k1" and got.headers["accept-language"] == "de"
    assert got.headers["content-type"] == "application/json; x=1" and got.body == b'{"a":1}'
    assert not {"authorization", "x-api-key"} & set(got.headers)
    assert got.headers["x-forwarded-for"] == "127.0.0.1" and got.headers["x-aex-forwarded"] == "1"


BEARER_ROUTES = (
    ("POST", "/v1/bids"),
    ("GET", "/v1/bids"),
    ("GET", "/v1/contracts/contract_1"),
    ("POST", "/v1/contracts/contract_1/progress"),
    ("POST", "/v1/contracts/contract_1/complete"),
    ("POST", "/v1/contracts/contract_1/fail"),
)


async def test_a_backends_own_bearer_passes_intact_and_speaks_for_no_tenant(w: World) -> None:
    """Stripped `Authorization` makes the provider-facing API unusable through the gateway (upstream)."""
    bare = "Bearer aex_pk_live_" + "ab" * 40
    for method, path in BEARER_ROUTES:
        answer = await w.client(authorization=bare).request(method, path, headers={"X-Tenant-ID": w.tenant_id})
        assert answer.status_code == 200
        got = w.backend.last.headers
        assert got["authorization"] == bare
        assert not {"x-tenant-id", "x-aex-key-id", "x-aex-scopes", "x-aex-quotas"} & set(got)
        assert got["x-aex-forwarded"] == "1", "backends must not take this for a call of the gateway's own"
        both = await w.client(w.key, authorization=bare).request(method, path)
        assert both.status_code == 200
        got = w.backend.last.headers
        assert got["authorization"] == bare and got["x-tenant-id"] == w.tenant_id


async def test_on_no_other_route_is_a_bare_bearer_enough(w: World) -> None:
    bare = "Bearer exec_" + "ab" * 32
    for method, path in (
        ("GET", "/v1/contracts"),
        ("GET", "/v1/work"),
        ("POST", "/v1/work/w/award"),
        ("GET", "/v1/providers"),
        ("POST", "/v1/deposits"),
    ):
        answer = await w.client(authorization=bare).request(method, path)
        assert (answer.status_code, error_code(answer)) == (401, "invalid_token"), path
    assert (await w.client().post("/v1/bids")).status_code == 401
    token = f"Bearer {await w.token()}"
    assert (await w.client(authorization=token).get("/v1/bids")).status_code == 200
    assert w.backend.last.headers["x-tenant-id"] == w.tenant_id
    assert "authorization" not in w.backend.last.headers, "a token of ours ends at the gateway"


async def test_the_gateways_own_routes_are_open(w: World) -> None:
    client = w.client()
    assert (await client.get("/health")).json()["status"] == "healthy"
    assert (await client.head("/health")).status_code == 200
    assert (await client.get("/ready")).json()["status"] == "ready"
    info = await client.get("/v1/info")
    assert info.json() == {"name": "Agent Exchange Gateway", "version": "1.0.0", "phase": "A"}
    assert "x-ratelimit-limit" not in info.headers
    wrong = await client.post("/v1/info")
    assert (wrong.status_code, error_code(wrong), wrong.headers["allow"]) == (405, "method_not_allowed", "GET")


async def test_metrics_are_not_for_the_outside(w: World) -> None:
    """Behind a load balancer, which says for whom it asks, `/metrics` is refused; `/internal` never was there."""
    assert (await w.client().get("/metrics")).status_code == 200
    answer = await w.client(OPERATOR_KEY, x_forwarded_for="203.0.113.9").get("/metrics")
    assert (answer.status_code, error_code(answer)) == (403, "forbidden")


async def test_what_is_counted_has_few_names(w: World) -> None:
    """Labels come from the table, not from paths that clients make up."""
    for number in range(5):
        await w.get(f"/v1/work/work_{number}")
        await w.get(f"/v1/nothing{number}")
    text = (await w.client().get("/metrics")).text
    assert 'aex_requests_total{method="GET",route="/v1/work",service="aex-gateway",status="200"} 5.0' in text
    assert 'route="unmatched",service="aex-gateway",status="404"} 5.0' in text
    assert "work_1" not in text and "nothing" not in text
    assert 'aex_gateway_auth_total{outcome="valid"} 1.0' in text
    assert 'aex_gateway_auth_total{outcome="known"} 4.0' in text
