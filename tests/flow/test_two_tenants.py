"""What a tenant can do to others through the gateway: nothing. Ten real processes that prove who they are.

Each attack is one line of a table: what is tried, with which of the thief's credentials, and how it is refused.
"""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from infra.components.environment import ServiceAuth
from tests.flow.exchange import Exchange
from tests.flow.scene import PRIVATE, WEBHOOK_SECRET, Door, Scene, stage

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

WITHIN_SECONDS = 12.0
"""How soon a revocation has to hold: the gateway remembers for 5 seconds, the machine may be busy."""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    running = Exchange(tmp_path_factory.mktemp("tenants"), auth=ServiceAuth.TOKEN, overrides={"ENVIRONMENT": "staging"})
    try:
        asyncio.run(running.start())
        calls = Door(running)
        yield calls
        calls.close()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def scene(door: Door) -> Scene:
    return stage(door)


READS = [
    ("/v1/work/<work>/evaluation", 403),
    ("/v1/work/<work>/bids", 404),
    ("/internal/v1/bids?work_id=<work>", 404),
    ("/internal/work/<work>", 404),
    ("/v1/contracts/<contract>", 404),
    ("/v1/balance?tenant_id=<consumer>", 403),
    ("/v1/balance?tenant_id=<seller>", 403),
    ("/v1/balance?tenant_id=<thief>&tenant_id=<consumer>", 403),
    ("/v1/usage?tenant_id=<consumer>", 403),
    ("/v1/usage/transactions?tenant_id=<consumer>", 403),
    ("/v1/balance?tenant_id=platform:fees", 400),
    ("/v1/tenants", 403),
    ("/v1/tenants/<consumer>", 403),
    ("/v1/tenants/<consumer>/api-keys", 403),
    ("/v1/subscriptions?provider_id=<provider>", 403),
    ("/internal/v1/tenants/<consumer>/quotas", 404),
    ("/internal/v1/ledger/check", 404),
]


@pytest.mark.parametrize(("path", "status"), READS)
def test_what_belongs_to_others_cannot_be_read(door: Door, scene: Scene, path: str, status: int) -> None:
    forged = {
        "X-Tenant-ID": scene.names["consumer"],
        "X-Consumer-ID": scene.names["consumer"],
        "X-AEX-Scopes": "* operator",
        "X-AEX-Service": "aex-gateway",
        "X_Tenant_ID": scene.names["consumer"],
        "Connection": "X-Tenant-ID, X-AEX-Forwarded, X-AEX-Scopes",
    }
    for headers in ({}, forged):
        answer = door.call("GET", scene.fill(path), key=scene.thief_key, headers=headers)
        assert answer.status_code == status, answer.text
        assert set(answer.json()) == {"error"}
    assert door.call("GET", scene.fill(path), headers=forged).status_code in (401, 404), "nor without any credential"


WRITES = [
    ("POST", "/v1/work/<work>/cancel", "{}", 403),
    ("POST", "/v1/work/<work>/evaluate", "{}", 403),
    ("POST", "/v1/work/<work>/award", '{"bid_id": "<thief_bid>"}', 403),
    ("POST", "/v1/work/<work>/award", '{"auto_award": true}', 403),
    ("POST", "/internal/work/<work>/award", '{"contract_id": "c", "provider_id": "p", "bid_id": "b"}', 404),
    ("POST", "/v1/contracts/<contract>/complete", '{"success": true, "result_summary": "x"}', 401),
    ("POST", "/v1/contracts/<contract>/progress", '{"status": "x"}', 401),
    ("POST", "/v1/contracts/<contract>/fail", '{"reason": "x"}', 401),
    ("POST", "/v1/deposits", '{"tenant_id": "<consumer>", "amount": "5"}', 403),
    ("POST", "/v1/deposits", '{"tenant_id": "<provider>", "amount": "5"}', 403),
    ("POST", "/internal/settlement/complete", '{"contract_id": "c", "agreed_price": "5"}', 404),
    ("POST", "/internal/v1/outcomes", '{"provider_id": "<provider>", "contract_id": "c", "outcome": "x"}', 404),
    ("POST", "/v1/providers/<provider>/trust", "{}", 403),
    ("POST", "/v1/tenants", '{"name": "another"}', 403),
    ("POST", "/v1/tenants/<consumer>/suspend", "{}", 403),
    ("POST", "/v1/tenants/<thief>/activate", "{}", 403),
    ("PUT", "/v1/tenants/<thief>/quotas", '{"requests_per_minute": 1000000}', 403),
    ("POST", "/v1/tenants/<consumer>/api-keys", '{"name": "mine now"}', 403),
    ("DELETE", "/v1/tenants/<consumer>/api-keys/<consumer_key_id>", "", 403),
    ("DELETE", "/v1/tenants/<thief>/api-keys/<consumer_key_id>", "", 404),
    ("POST", "/v1/tenants/<thief>/api-keys", '{"scopes": ["operator"]}', 400),
    ("POST", "/v1/providers", '{"name": "<provider_name>", "endpoint": "https://thief.example.com"}', 409),
    ("DELETE", "/v1/providers/<provider>", "", 403),
    ("POST", "/v1/providers/<provider>/suspend", "", 403),
    (
        "POST",
        "/v1/providers/<provider>/agent-card",
        '{"name": "n", "url": "https://thief.example.com", "skills": [{"id": "s", "name": "s"}]}',
        403,
    ),
    ("POST", "/v1/subscriptions", '{"provider_id": "<provider>", "categories": ["*"]}', 403),
    ("DELETE", "/v1/subscriptions/<subscription>", "", 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), WRITES)
def test_what_belongs_to_others_cannot_be_changed(
    door: Door, scene: Scene, method: str, path: str, body: str, status: int
) -> None:
    answer = door.call(method, scene.fill(path), scene.body(body), key=scene.thief_key)
    assert answer.status_code == status, answer.text
    other = door.call(method, scene.fill(path), scene.body(body), bearer=scene.thief_provider_key)
    assert other.status_code in (401, 404), "nor with a provider's key alone"


@pytest.mark.parametrize("what", ["progress", "complete", "fail"])
@pytest.mark.parametrize(
    "token",
    [
        lambda scene: scene.thief_provider_key,
        lambda scene: scene.seller_provider_key,
        lambda scene: scene.execution_token[:-1] + ("0" if scene.execution_token[-1] != "0" else "1"),
        lambda scene: "exec_",
    ],
    ids=["the thief's provider key", "the provider's own key", "one digit off", "nothing"],
)
def test_a_contract_listens_to_its_own_tokens_only(
    door: Door, scene: Scene, what: str, token: Callable[[Scene], str]
) -> None:
    body = {"status": "x", "success": True, "result_summary": "x", "reason": "x"}
    path = scene.fill(f"/v1/contracts/<contract>/{what}")
    assert door.call("POST", path, body, bearer=token(scene)).status_code == 401
    assert door.call("GET", scene.fill("/v1/contracts/<contract>"), bearer=token(scene)).status_code == 404


def test_the_consumers_token_may_give_up_but_not_deliver(door: Door, scene: Scene) -> None:
    path = scene.fill("/v1/contracts/<contract>/complete")
    body = {"success": True, "result_summary": "paid for nothing"}
    assert door.call("POST", path, body, bearer=scene.consumer_token).status_code == 401
    shown = {
        key: {name for name in ("execution_token", "consumer_token") if name in answer}
        for key in (scene.consumer_key, scene.seller_key)
        for answer in [door.must("GET", scene.fill("/v1/contracts/<contract>"), key=key)]
    }
    assert shown == {scene.consumer_key: {"consumer_token"}, scene.seller_key: {"execution_token"}}


LISTS = [
    "/v1/work",
    "/v1/contracts",
    "/v1/contracts?role=provider&provider_id=<provider>",
    "/v1/contracts?consumer_id=<consumer>",
    "/v1/subscriptions",
    "/v1/logs",
    "/v1/traces/<trace>",
    "/v1/providers?mine=true",
    "/v1/providers/<provider>",
    "/v1/providers/<provider>/a2a",
    "/v1/providers/<provider>/trust/history",
    "/v1/work/<work>",
]


@pytest.mark.parametrize("path", LISTS)
def test_lists_and_public_views_hold_nothing_private(door: Door, scene: Scene, path: str) -> None:
    answer = door.call("GET", scene.fill(path), key=scene.thief_key)
    assert answer.status_code == 200, answer.text
    hidden = [PRIVATE, WEBHOOK_SECRET, scene.names["consumer"], scene.names["seller"], scene.names["bid"]]
    # A question may come back in the answer; what was asked for is no news.
    assert not [text for text in hidden if text in answer.text and text not in scene.fill(path)], answer.text


def test_bids_stay_sealed(door: Door, scene: Scene) -> None:
    own = door.call("GET", "/v1/bids", bearer=scene.thief_provider_key).json()["bids"]
    assert {bid["bid_id"] for bid in own} == {scene.names["thief_bid"]}
    both = door.call("POST", "/v1/bids", {}, key=scene.thief_key, bearer=scene.seller_provider_key)
    assert both.status_code == 403


@pytest.mark.parametrize(
    "url", ["http://a.example.com", "https://127.0.0.1", "https://[::1]", "https://169.254.169.254"]
)
def test_no_webhook_goes_where_only_we_can_go(door: Door, scene: Scene, url: str) -> None:
    refused = door.call("POST", "/v1/providers", {"name": f"ssrf {url}", "endpoint": url}, key=scene.thief_key)
    assert refused.status_code == 400, refused.text


def test_what_was_attacked_is_as_it_was(door: Door, scene: Scene) -> None:
    """Runs after the attacks above: nothing moved."""
    assert door.must("GET", scene.fill("/v1/work/<work>"), key=scene.consumer_key)["status"] == "OPEN"
    assert door.must("GET", scene.fill("/v1/contracts/<contract>"), key=scene.consumer_key)["status"] == "AWARDED"
    assert door.must("GET", "/v1/balance", key=scene.consumer_key)["balance"] == "100"
    answer = door.must("GET", scene.fill("/v1/subscriptions?provider_id=<provider>"), key=scene.seller_key)
    assert len(answer["subscriptions"]) == 1 and WEBHOOK_SECRET not in str(answer)


def test_a_revoked_key_and_its_tokens_are_refused_within_seconds(door: Door) -> None:
    tenant, key, key_id = door.tenant("careless")
    spare = door.must("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "spare"}, key=key)["key"]
    token = door.must("POST", "/v1/tokens", {}, key=key)["token"]
    assert door.call("GET", "/v1/work", key=key).status_code == 200
    assert door.call("GET", "/v1/work", bearer=token).status_code == 200
    door.must("DELETE", f"/v1/tenants/{tenant}/api-keys/{key_id}", key=spare)
    _until(lambda: door.call("GET", "/v1/work", key=key).status_code == 401)
    _until(lambda: door.call("GET", "/v1/work", bearer=token).status_code == 401)
    assert door.call("POST", "/v1/tokens", {}, key=key).status_code == 401
    assert door.call("GET", "/v1/work", key=spare).status_code == 200


def test_a_suspended_tenant_is_shut_out_at_every_door(door: Door, scene: Scene) -> None:
    tenant, key, _ = door.tenant("suspended")
    provider_key = door.provider(f"suspended{time.time_ns()}", key)["api_key"]
    token = door.must("POST", "/v1/tokens", {}, key=key)["token"]
    assert door.bid(scene.names["work"], 50, provider_key).status_code == 200
    door.must("POST", f"/v1/tenants/{tenant}/suspend", {"reason": "test"}, key=door.running.operator_key)
    _until(lambda: door.call("GET", "/v1/work", key=key).status_code == 401)
    _until(lambda: door.call("GET", "/v1/work", bearer=token).status_code == 401)
    _until(lambda: door.bid(scene.names["work"], 50, provider_key).status_code == 403)


def test_no_secret_is_in_any_log(door: Door, scene: Scene) -> None:
    """Runs last: every request above has been logged by then."""
    logs = {name: door.running.log(name) for name in door.running.ports}
    assert all(logs.values())
    # The last part of each is the secret one: ids of keys and providers are in the first.
    leaks = [name for name, log in logs.items() for secret in scene.secrets if secret[-24:] in log]
    assert not leaks
    assert door.running.operator_key[-24:] not in "".join(logs.values())


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "still let in"
        time.sleep(0.2)
