"""Mode `token`: a JWT signed with the caller's own Ed25519 key, valid for the callee alone and for five minutes."""

import base64
import binascii
import time
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aex.core.errors import unauthorized
from aex.core.settings import Settings

TOKEN_HEADER = "x-aex-service-token"  # noqa: S105 - a header's name
TOKEN_SECONDS = 300
"""Life of a service token: long enough to be reused, short enough that a copied one is soon worthless."""
_CACHE_LIMIT = 1024


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


class TokenCheck:
    """Verifies `X-AEX-Service-Token` against the declared callers' public keys; verified tokens are remembered."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = name
        self._keys = {
            caller: Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
            for caller, key in settings.service_keys.items()
            if caller in settings.caller_names
        }
        # Callers that are no services (a scheduler, an operator) exist only on some platforms; without a key they
        # cannot call. A service without one would be refused at every call, so that is a mistake.
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


__all__ = ["TOKEN_HEADER", "TOKEN_SECONDS", "TokenCheck", "TokenProof", "public_key"]
