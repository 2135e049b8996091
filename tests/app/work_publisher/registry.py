"""A small provider-registry: subscribers of a category, in pages, as aex-provider-registry answers them."""

from collections.abc import Mapping

import orjson

from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.store.port import JsonValue


class Registry:
    """Answers `GET /internal/v1/providers/subscribed`; `fail` makes it unreachable."""

    name = "aex-provider-registry"

    def __init__(self) -> None:
        self.subscribers: dict[str, list[dict[str, JsonValue]]] = {}
        self.asked: list[dict[str, str]] = []
        self.fail: Exception | None = None

    def subscribe(self, category: str, provider_id: str, url: str = "", secret: str = "") -> None:
        entry: dict[str, JsonValue] = {"provider_id": provider_id, "webhook_url": url, "trust_score": 0.3}
        if secret:
            entry["webhook_secret"] = secret
        self.subscribers.setdefault(category, []).append(entry)

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
        assert (method, path) == ("GET", "/internal/v1/providers/subscribed"), (method, path)
        asked = dict(params or {})
        self.asked.append(asked)
        if self.fail is not None:
            raise self.fail
        found = self.subscribers.get(asked["category"], [])
        body: dict[str, object] = {"category": asked["category"], "providers": [], "total": len(found)}
        if asked.get("count_only") != "true":
            start, limit = int(asked.get("cursor", "0")), int(asked["limit"])
            body["providers"] = found[start : start + limit]
            if start + limit < len(found):
                body["next_cursor"] = str(start + limit)
        return Reply(200, orjson.dumps(body))
