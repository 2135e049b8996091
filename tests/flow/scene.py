"""A trade between two tenants through the gateway, half done, and a third tenant who wants more than is his."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from tests.flow.exchange import Exchange

WEBHOOK_SECRET = "whsec-of-the-victim-0123456789"
PRIVATE = "private-note-of-the-victim"


class Door:
    """Calls through the gateway with whatever credential."""

    def __init__(self, running: Exchange) -> None:
        self.running = running
        self._client = httpx.Client(base_url=running.url("aex-gateway"), timeout=30, trust_env=False)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "",
        bearer: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One call, whatever is answered."""
        sent = dict(headers or {})
        if key:
            sent["X-API-Key"] = key
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        return self._client.request(method, path, json=body, headers=sent)

    def must(self, method: str, path: str, body: object = None, *, key: str = "", bearer: str = "") -> dict[str, str]:
        """One call that has to succeed."""
        answer = self.call(method, path, body, key=key, bearer=bearer)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def tenant(self, name: str) -> tuple[str, str, str]:
        """A tenant that the operator makes: its id, its key, its key's id."""
        made = self.call("POST", "/v1/tenants", {"name": name}, key=self.running.operator_key).json()
        return made["id"], made["api_key"]["key"], made["api_key"]["id"]

    def provider(self, name: str, key: str) -> dict[str, str]:
        """A provider of the tenant that has `key`."""
        body = {
            "name": name,
            "endpoint": f"https://{name}.example.com/a2a",
            "bid_webhook": f"https://{name}.example.com/hook",
            "contact_email": f"{PRIVATE}@example.com",
            "metadata": {"note": PRIVATE},
        }
        return self.must("POST", "/v1/providers", body, key=key)

    def work(self, key: str) -> str:
        """Work of the tenant that has `key`, its window open."""
        body = {"category": "general", "description": "d", "budget": {"max_price": 100}, "bid_window_ms": 300_000}
        return self.must("POST", "/v1/work", body, key=key)["work_id"]

    def bid(self, work_id: str, price: float, bearer: str) -> httpx.Response:
        """A bid, whatever is answered."""
        body = {
            "work_id": work_id,
            "price": price,
            "confidence": 0.5,
            "approach": PRIVATE,
            "a2a_endpoint": "https://agents.example.com/a2a",
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        return self.call("POST", "/v1/bids", body, bearer=bearer)


@dataclass(slots=True)
class Scene:
    """Who is there: a consumer and a provider's tenant with one awarded and one open work, and the thief."""

    names: dict[str, str]
    """What paths and bodies of attacks may name, by name."""
    consumer_key: str
    consumer_key_id: str
    seller_key: str
    seller_provider_key: str
    execution_token: str
    consumer_token: str
    thief_key: str
    thief_provider_key: str

    def fill(self, template: str) -> str:
        """`template` with the names in `<...>` filled in."""
        for name, value in self.names.items():
            template = template.replace(f"<{name}>", value)
        return template

    def body(self, template: str) -> object:
        """A JSON body with the names filled in; None for none."""
        return json.loads(self.fill(template)) if template else None

    @property
    def secrets(self) -> list[str]:
        """Everything here that no log and no stranger may see."""
        return [
            self.consumer_key,
            self.seller_key,
            self.seller_provider_key,
            self.execution_token,
            self.consumer_token,
            self.thief_key,
            self.thief_provider_key,
            WEBHOOK_SECRET,
        ]


def stage(door: Door) -> Scene:
    """Sets everything up through the gateway."""
    mark = str(time.time_ns())
    consumer, consumer_key, consumer_key_id = door.tenant("consumer")
    seller, seller_key, _ = door.tenant("seller")
    thief, thief_key, _ = door.tenant("thief")
    door.must("POST", "/v1/deposits", {"tenant_id": consumer, "amount": "100"}, key=consumer_key)
    victim, own = door.provider(f"victim{mark}", seller_key), door.provider(f"thief{mark}", thief_key)
    body = {
        "provider_id": victim["provider_id"],
        "categories": ["general"],
        "delivery": {
            "method": "webhook",
            "webhook_url": "https://victim.example.com/w",
            "webhook_secret": WEBHOOK_SECRET,
        },
    }
    subscription = door.must("POST", "/v1/subscriptions", body, key=seller_key)["subscription_id"]
    work, awarded = door.work(consumer_key), door.work(consumer_key)
    bids = {
        name: door.bid(work_id, price, provider["api_key"]).json()["bid_id"]
        for name, work_id, price, provider in (
            ("bid", work, 20, victim),
            ("thief_bid", work, 90, own),
            ("won", awarded, 20, victim),
        )
    }
    made = door.must("POST", f"/v1/work/{awarded}/award", {"bid_id": bids["won"]}, key=consumer_key)
    door.must("POST", f"/v1/work/{work}/evaluate", {}, key=consumer_key)
    span = {"trace_id": mark, "span_id": "s", "service": "s", "operation": "o"}
    door.must("POST", "/v1/logs", [{"level": "INFO", "service": "s", "message": PRIVATE}], key=consumer_key)
    door.must("POST", "/v1/spans", [span], key=consumer_key)
    names = {
        "consumer": consumer,
        "seller": seller,
        "thief": thief,
        "provider": victim["provider_id"],
        "provider_name": f"victim{mark}",
        "subscription": subscription,
        "work": work,
        "awarded": awarded,
        "contract": made["contract_id"],
        "consumer_key_id": consumer_key_id,
        "trace": mark,
        **bids,
    }
    return Scene(
        names=names,
        consumer_key=consumer_key,
        consumer_key_id=consumer_key_id,
        seller_key=seller_key,
        seller_provider_key=victim["api_key"],
        execution_token=made["execution_token"],
        consumer_token=made["consumer_token"],
        thief_key=thief_key,
        thief_provider_key=own["api_key"],
    )
