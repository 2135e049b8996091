"""A client that behaves as upstream's integration suite does: no credentials, fixed names, strict about types."""

from datetime import datetime, timedelta, timezone

import httpx

from tests.flow.exchange import Exchange

OFFSET = timezone(timedelta(hours=2))
"""The suite sends times with an offset, as Go writes local time."""


class Suite:
    """The suite's client: no credentials, no tenant, one call after the other."""

    def __init__(self, running: Exchange) -> None:
        self.running = running
        self._clients = {
            name: httpx.Client(base_url=running.url(name), timeout=30, trust_env=False) for name in running.ports
        }

    def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            client.close()

    def call(self, service: str, method: str, path: str, body: object = None, token: str = "") -> httpx.Response:
        """One call, whatever is answered."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._clients[f"aex-{service}"].request(method, path, json=body, headers=headers)

    def must(self, service: str, method: str, path: str, body: object = None, token: str = "") -> dict[str, object]:
        """One call that the suite expects to be below 400."""
        answer = self.call(service, method, path, body, token)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def tenant(self, name: str) -> str:
        """A tenant under one of the suite's names."""
        made = self.must("identity", "POST", "/v1/tenants", {"name": name, "email": "suite@example.com"})
        return filled(made, "id")

    def provider(self, name: str) -> tuple[str, str]:
        """A provider under one of the suite's names: its id and a key that works."""
        body = {
            "name": name,
            "description": "registered by the suite",
            "endpoint": "https://provider.example.com",
            "bid_webhook": "https://provider.example.com/bids",
            "capabilities": ["nlp", "translation"],
            "contact_email": "provider@example.com",
            "metadata": {"region": "us-east-1"},
        }
        made = self.must("provider-registry", "POST", "/v1/providers", body)
        assert isinstance(made.get("metadata", {}), dict)
        return filled(made, "provider_id"), filled(made, "api_key")

    def work(self, price: float = 100, window_ms: int = 60_000, **more: object) -> str:
        """Published work, its window open."""
        body = {
            "category": "general",
            "description": "work of the suite",
            "budget": {"max_price": price, "bid_strategy": "balanced"},
            "bid_window_ms": window_ms,
            **more,
        }
        return filled(self.must("work-publisher", "POST", "/v1/work", body), "work_id")

    def bid(self, work_id: str, key: str, price: float = 50, **more: object) -> str:
        """A bid that has to be received; its expiry is sent the way Go's local time is."""
        body = {
            "work_id": work_id,
            "price": price,
            "confidence": 0.9,
            "approach": "carefully",
            "estimated_latency": 1000,
            "a2a_endpoint": "https://provider.example.com/a2a",
            "expires_at": (datetime.now(OFFSET) + timedelta(hours=1)).isoformat(timespec="seconds"),
            **more,
        }
        made = self.must("bid-gateway", "POST", "/v1/bids", body, key)
        assert made["status"] == "RECEIVED"
        return filled(made, "bid_id")

    def contract(self, name: str = "Test AI Provider 1") -> tuple[str, str]:
        """A contract awarded while its work's window is open: its id and its execution token."""
        _, key = self.provider(name)
        work_id = self.work()
        self.bid(work_id, key)
        made = self.must("contract-engine", "POST", f"/v1/work/{work_id}/award", {"auto_award": True})
        number(made, "agreed_price")
        return filled(made, "contract_id"), filled(made, "execution_token")

    def report(self, contract: tuple[str, str], what: str, body: object) -> dict[str, object]:
        """A report with the execution token."""
        return self.must("contract-engine", "POST", f"/v1/contracts/{contract[0]}/{what}", body, contract[1])


def filled(answer: dict[str, object], name: str) -> str:
    """The string in field `name`, which must not be empty."""
    value = answer[name]
    assert isinstance(value, str) and value, answer
    return value


def number(answer: dict[str, object], name: str) -> float:
    """The number in field `name`; a quoted one is none."""
    value = answer[name]
    assert isinstance(value, int | float) and not isinstance(value, bool), answer
    return float(value)


def objects(answer: dict[str, object], name: str) -> list[dict[str, object]]:
    """The array of objects in field `name`."""
    rows = answer[name]
    assert isinstance(rows, list)
    assert all(isinstance(row, dict) for row in rows)  # pyright: ignore[reportUnknownVariableType]
    return rows  # pyright: ignore[reportUnknownVariableType]
