"""Service-to-service identity: proving who we are to a callee, and checking who calls us (three modes, one interface).

`token`: a JWT signed with the caller's own Ed25519 key, audience = callee, valid for five minutes, reused until half of
that is gone. `google`: an ID token from the metadata server; Cloud Run verifies it and strips the signature, so here
only its claims are read. `off`: nothing. The end caller's `Authorization` is never touched.
"""

import base64
import binascii
import os
import time
from collections.abc import Mapping
from typing import Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aex.core.errors import unauthorized, unavailable
from aex.core.settings import ServiceAuth, Settings

TOKEN_HEADER = "x-aex-service-token"  # noqa: S105 - a header's name
GOOGLE_HEADER = "x-serverless-authorization"
TOKEN_SECONDS = 300
"""Life of a service token: long enough to be reused, short enough that a copied one is soon worthless."""
_CACHE_LIMIT = 1024
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"


class Proof(Protocol):
    """How this service proves itself to a callee."""

    async def headers(self, callee: str, url: str) -> Mapping[str, str]:
        """Headers for a call to service `callee` at `url`."""
        ...


class Check(Protocol):
    """How this service finds out who calls it."""

    def caller(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The verified caller's name, None when none is presented; raises 401 for a bad or undeclared one."""
        ...


def public_key(seed: str) -> str:
    """The base64 public key that belongs to a base64 seed."""
    raw = private_key(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def private_key(seed: str) -> Ed25519PrivateKey:
    """The key of a base64 seed. Raises `ValueError` that says what the seed must be."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed, validate=True))
    except (ValueError, binascii.Error) as error:
        raise ValueError("AEX_SERVICE_SEED must be 32 random bytes in base64") from error


class NoProof:
    """Service auth is off."""

    async def headers(self, callee: str, url: str) -> Mapping[str, str]:
        """Nothing to show."""
        return {}


class TokenProof:
    """Signs for one callee at a time and keeps what it signed until half of its life is over."""

    def __init__(self, name: str, seed: str) -> None:
        self._name = name
        self._key = private_key(seed)
        self._signed: dict[str, tuple[float, str]] = {}

    async def headers(self, callee: str, url: str) -> Mapping[str, str]:
        """`X-AEX-Service-Token` for `callee`."""
        now = time.time()
        expires, token = self._signed.get(callee, (0.0, ""))
        if expires - now < TOKEN_SECONDS / 2:
            expires = now + TOKEN_SECONDS
            claims = {"iss": self._name, "aud": callee, "iat": int(now), "exp": int(expires)}
            token = jwt.encode(claims, self._key, algorithm="EdDSA")
            self._signed[callee] = (expires, token)
        return {TOKEN_HEADER: token}


class GoogleProof:
    """ID tokens from the metadata server, one per callee address, kept until five minutes before they expire."""

    def __init__(self) -> None:
        self._host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        self._tokens: dict[str, tuple[float, str]] = {}

    async def headers(self, callee: str, url: str) -> Mapping[str, str]:
        """`X-Serverless-Authorization` with an ID token for `url`."""
        expires, token = self._tokens.get(url, (0.0, ""))
        if expires - time.time() < TOKEN_SECONDS:
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


class NoCheck:
    """Service auth is off: nobody is verified, and what a header claims is believed."""

    def caller(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Always None."""
        return None


class TokenCheck:
    """Verifies `X-AEX-Service-Token` against the declared callers' public keys; verified tokens are remembered."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = name
        self._keys = {
            caller: Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
            for caller, key in settings.service_keys.items()
            if caller in settings.caller_names
        }
        # Callers that are no services (a scheduler, an operator) exist only on some platforms; without a key they cannot
        # call. A service without one would be refused at every call, so that is a mistake.
        missing = {caller for caller in settings.caller_names - self._keys.keys() if caller.startswith("aex-")}
        if missing:
            raise ValueError(f"AEX_SERVICE_KEYS has no public key for the declared callers {sorted(missing)}")
        self._verified: dict[bytes, tuple[float, str]] = {}

    def caller(self, headers: Mapping[bytes, bytes]) -> str | None:
        """See `Check`."""
        token = headers.get(TOKEN_HEADER.encode())
        if token is None:
            return None
        expires, name = self._verified.get(token, (0.0, ""))
        if expires > time.time():
            return name
        expires, name = self._verify(token)
        if len(self._verified) >= _CACHE_LIMIT:
            self._verified.clear()
        self._verified[token] = (expires, name)
        return name

    def _verify(self, token: bytes) -> tuple[float, str]:
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
            key = self._keys.get(issuer)
            if key is None:
                raise unauthorized(f"{issuer or 'this caller'} is not declared to call {self._name}", "caller_refused")
            claims = jwt.decode(
                token, key, algorithms=["EdDSA"], audience=self._name, options={"require": ["exp", "iss", "aud"]}
            )
        except jwt.PyJWTError as error:
            raise unauthorized("the service token is not valid", "service_token_invalid") from error
        return float(claims["exp"]), issuer


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


def proof_for(settings: Settings, name: str) -> Proof:
    """How service `name` proves itself under `settings`."""
    if settings.service_auth is ServiceAuth.TOKEN and settings.service_seed is not None:
        return TokenProof(name, settings.service_seed.get_secret_value())
    return GoogleProof() if settings.service_auth is ServiceAuth.GOOGLE else NoProof()


def check_for(settings: Settings, name: str) -> Check:
    """How service `name` checks its callers under `settings`."""
    if settings.service_auth is ServiceAuth.TOKEN:
        return TokenCheck(settings, name)
    return GoogleCheck(settings, name) if settings.service_auth is ServiceAuth.GOOGLE else NoCheck()


__all__ = [
    "GOOGLE_HEADER",
    "TOKEN_HEADER",
    "Check",
    "Proof",
    "check_for",
    "proof_for",
    "public_key",
]
