"""Google Cloud as the operator's tools ask it: its REST interfaces, by the credentials that every Google tool uses.

Owns the addresses, the token, and what a refusal means in words with a remedy. An address can be moved as gcloud's own
can, with CLOUDSDK_API_ENDPOINT_OVERRIDES_<API>.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Final, Protocol, cast

import httpx

from infra.ops.clouds.answers import EMPTY, Json, inside, items, text
from infra.ops.faults import OpsError, Unreachable

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_LOGIN: Final = (
    "Log in: `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials."
)
_SECONDS: Final = 60.0
_UNKNOWN: Final = 401
_DENIED: Final = 403
_MISSING: Final = 404


class GcpRefusal(OpsError):
    """Google answered with an error; `status` is that of HTTP."""

    def __init__(self, status: int, what: str, remedy: str) -> None:
        """Keep the status beside the words."""
        super().__init__(what, remedy)
        self.status = status

    @property
    def missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.status == _MISSING


class _Credentials(Protocol):
    """What is used of google-auth's credentials."""

    quota_project_id: str | None

    def before_request(self, request: object, method: str, url: str, headers: dict[str, str]) -> None: ...


class GcpApi:
    """One project, with the credentials of the environment."""

    def __init__(self, project: str) -> None:
        """Connect to nobody yet."""
        self.project = project
        self._http = httpx.Client(timeout=_SECONDS)

    def get(self, api: str, path: str, **params: str) -> Json:
        """The answer of `https://<api>.googleapis.com/<path>`. Raises `GcpRefusal` and `Unreachable`."""
        return self._send("GET", api, path, params=params)

    def post(self, api: str, path: str, body: Json) -> Json:
        """The same with a body."""
        return self._send("POST", api, path, body=body)

    def stream(self, api: str, path: str, body: Json) -> list[Json]:
        """The same where Google answers with a list of objects."""
        return cast("list[Json]", self._send("POST", api, path, body=body))

    def pages(self, api: str, path: str, key: str, **params: str) -> list[Json]:
        """What all pages have under `key`."""
        found: list[Json] = []
        token = ""
        while True:
            answer = self.get(api, path, **params, **({"pageToken": token} if token else {}))
            found += items(answer, key)
            token = text(answer, "nextPageToken")
            if not token:
                return found

    def identity(self) -> str:
        """Who the credentials say one is; empty where they do not say."""
        return str(getattr(self._credentials, "service_account_email", "") or "")

    def _send(
        self, method: str, api: str, path: str, *, params: Mapping[str, str] | None = None, body: Json | None = None
    ) -> Json:
        moved = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}")
        url = f"{(moved or f'https://{api}.googleapis.com').rstrip('/')}/{path}"
        headers = self._headers(method, url)
        try:
            answer = self._http.request(method, url, headers=headers, params=params or {}, json=body)
        except httpx.HTTPError as error:
            raise Unreachable(f"{api}.googleapis.com does not answer: {error}", "See that it can be reached.") from None
        if answer.is_error:
            raise _refusal(api, path, answer)
        return cast("Json", answer.json() if answer.content else {})

    def _headers(self, method: str, url: str) -> dict[str, str]:
        from google.auth.exceptions import GoogleAuthError  # pyright: ignore[reportMissingTypeStubs]

        headers: dict[str, str] = {}
        try:
            self._credentials.before_request(self._transport, method, url, headers)
        except GoogleAuthError as error:
            raise Unreachable(f"Google does not accept the credentials: {error}", _LOGIN) from None
        return headers

    @cached_property
    def _transport(self) -> object:
        from google.auth.transport.requests import Request  # pyright: ignore[reportMissingTypeStubs]

        return Request()

    @cached_property
    def _credentials(self) -> _Credentials:
        import google.auth  # pyright: ignore[reportMissingTypeStubs]
        from google.auth.exceptions import DefaultCredentialsError  # pyright: ignore[reportMissingTypeStubs]

        try:
            # A person's own credentials belong to no project: calls count against the one that is asked about.
            found = google.auth.default(scopes=[_SCOPE], quota_project_id=self._quota_project)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        except DefaultCredentialsError as error:
            raise Unreachable(f"there are no credentials for Google Cloud: {error}", _LOGIN) from None
        return cast("_Credentials", found[0])

    @property
    def _quota_project(self) -> str | None:
        """A service account's calls count against its own project already, and need no right to use another's quota."""
        return None if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") else self.project


def identity_token(audience: str) -> str | None:
    """A token that says who one is, for `audience`; None where only `gcloud` can make one (a person's credentials)."""
    from google.auth.exceptions import GoogleAuthError  # pyright: ignore[reportMissingTypeStubs]
    from google.auth.transport.requests import Request  # pyright: ignore[reportMissingTypeStubs]
    from google.oauth2 import id_token  # pyright: ignore[reportMissingTypeStubs]

    try:
        return str(id_token.fetch_id_token(Request(), audience))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    except GoogleAuthError:
        return None


def _refusal(api: str, path: str, answer: httpx.Response) -> OpsError:
    try:
        error = inside(cast("Json", answer.json()), "error")
    except ValueError:
        error = EMPTY
    said = text(error, "message") or answer.text[:200]
    if answer.status_code == _UNKNOWN:
        return Unreachable(f"Google does not accept the credentials: {said}", _LOGIN)
    remedy = "Look at what it says; `aexctl doctor` checks the project."
    if answer.status_code == _DENIED and ("has not been used" in said or "is disabled" in said):
        remedy = f"Enable it: `gcloud services enable {api}.googleapis.com`, or deploy the stack bootstrap."
    elif answer.status_code == _DENIED:
        remedy = "Ask for the permission, or use an identity that has it (bootstrap's accounts)."
    return GcpRefusal(answer.status_code, f"Google refuses {api} {path}: {said} ({answer.status_code})", remedy)


__all__ = ["GcpApi", "GcpRefusal", "identity_token"]
