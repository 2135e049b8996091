"""A client of the exchange's gateway: one method a route that the operator's tools use, errors that name the remedy."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self, cast

import httpx

Json = dict[str, object]


class ExchangeError(Exception):
    """The exchange refused or did not answer; the message says which request, and what it said."""


class Client:
    """One caller of the gateway. `key` is a tenant's API key, `bearer` a provider's key or a contract's token."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        bearer: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """`more` are headers for what stands in front of the gateway, such as Google's own token."""
        self._more = dict(more or {})
        headers = {**self._more, **({"X-API-Key": key} if key else {})}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        # Not from the environment: a proxy for the internet must not get requests for this machine.
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)
        self.url = url

    def get(self, path: str, **params: str) -> Json:
        """The object at `path`."""
        return self._send("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Json:
        """What the exchange answers to `body`."""
        return self._send("POST", path, body=body or {})

    def delete(self, path: str) -> Json:
        """What the exchange answers when `path` is to go."""
        return self._send("DELETE", path)

    def with_bearer(self, token: str) -> "Client":
        """The same door, for the holder of `token` alone."""
        return Client(self.url, bearer=token, more=self._more)

    def with_key(self, key: str) -> "Client":
        """The same door, for the tenant whose API key this is."""
        return Client(self.url, key=key, more=self._more)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Json:
        try:
            answer = self._client.request(method, path, params=params, json=body)
        except httpx.HTTPError as error:
            raise ExchangeError(
                f"{self.url} does not answer ({error}): is the stack up? `make up` starts it"
            ) from error
        if answer.is_error:
            raise ExchangeError(f"{method} {path} was answered {answer.status_code}: {_reason(answer)}")
        return cast(Json, answer.json())

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _reason(answer: httpx.Response) -> str:
    try:
        error = cast(Mapping[str, object], answer.json()["error"])
        return f"{error['message']} (request {error['request_id']})"
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]


__all__ = ["Client", "ExchangeError", "Json"]
