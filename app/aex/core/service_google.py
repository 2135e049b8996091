"""Mode `google`: an ID token from the metadata server.

Cloud Run verifies it and strips the signature on arrival, so the receiver reads only its claims, and only where that
check is on.
"""

import os
import time
from collections.abc import Mapping

import jwt

from aex.core.errors import unauthorized, unavailable
from aex.core.settings import Settings

GOOGLE_HEADER = "x-serverless-authorization"
_RENEW_SECONDS = 300
"""A token is replaced this long before it expires."""
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"


class GoogleProof:
    """ID tokens from the metadata server, one per callee address, kept until five minutes before they expire."""

    def __init__(self) -> None:
        self._host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        self._tokens: dict[str, tuple[float, str]] = {}

    async def headers(self, callee: str, url: str) -> Mapping[str, str]:
        """`X-Serverless-Authorization` with an ID token for `url`."""
        expires, token = self._tokens.get(url, (0.0, ""))
        if expires - time.time() < _RENEW_SECONDS:
            token = await self._fetch(callee, url)
            expires = float(jwt.decode(token, options={"verify_signature": False})["exp"])
            self._tokens[url] = (expires, token)
        return {GOOGLE_HEADER: f"Bearer {token}"}

    async def _fetch(self, callee: str, audience: str) -> str:
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(
                    f"http://{self._host}{_METADATA_PATH}",
                    params={"audience": audience},
                    headers={"Metadata-Flavor": "Google"},
                    raise_for_status=True,
                ) as answer,
            ):
                return (await answer.text()).strip()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unavailable(f"no identity token for {callee}: the metadata server did not answer") from error


class GoogleCheck:
    """Reads the claims of the ID token that Cloud Run has verified: who (`email`) and for whom (`aud`)."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = name
        self._url = settings.service_url
        self._names = {
            email: caller for caller, email in settings.service_keys.items() if caller in settings.caller_names
        }

    def caller(self, headers: Mapping[bytes, bytes]) -> str | None:
        """See `Check`."""
        header = headers.get(GOOGLE_HEADER.encode()) or headers.get(b"authorization")
        if header is None or not header.lower().startswith(b"bearer "):
            return None
        try:
            claims = jwt.decode(header[7:], options={"verify_signature": False})
        except jwt.PyJWTError:
            return None  # an end caller's own bearer token, which is not a JWT
        caller = self._names.get(str(claims.get("email", "")))
        if claims.get("aud") != self._url or caller is None:
            return None
        if float(claims.get("exp", 0)) < time.time():
            raise unauthorized("the identity token has expired", "service_token_invalid")
        return caller


__all__ = ["GOOGLE_HEADER", "GoogleCheck", "GoogleProof"]
