"""Access tokens of tenants: short-lived JWTs that identity signs (`POST /v1/tokens`) and the gateway verifies.

HS256 with `JWT_SECRET`; the `kid` header names the secret's version. A token names the API key it was made from, so
that revoking the key ends the token too. Nothing here asks whether the key is still valid.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from aex.core.versions import secret_versions

ISSUER = "aex-identity"
AUDIENCE = "aex-gateway"
_ALGORITHM = "HS256"
_SECRET_BYTES = 32
"""RFC 7518 3.2: a key of the hash's size or larger."""


class InvalidToken(Exception):
    """Not one of our tokens, or no longer; the message is for a person and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times are Unix seconds."""

    tenant_id: str
    key_id: str
    scopes: frozenset[str]
    expires: float


class TokenKeys:
    """The secrets that tokens are signed with: the newest signs, all listed ones verify."""

    def __init__(self, configured: SecretStr | str) -> None:
        self._secrets = secret_versions(configured, "JWT_SECRET")
        if any(len(secret.encode()) < _SECRET_BYTES for secret in self._secrets.values()):
            raise ValueError(f"JWT_SECRET is too short: each version must have at least {_SECRET_BYTES} characters")
        self._newest = next(iter(self._secrets))

    def sign(self, claims: Mapping[str, object]) -> str:
        """A token with `claims`, issuer and audience added."""
        import jwt

        return jwt.encode(
            {**claims, "iss": ISSUER, "aud": AUDIENCE},
            self._secrets[self._newest],
            algorithm=_ALGORITHM,
            headers={"kid": self._newest},
        )

    def verify(self, token: str, now: float) -> Claims:
        """What `token` says, if it is ours and has not expired at `now` (Unix seconds); else raises `InvalidToken`."""
        import jwt  # with the first token: it brings `cryptography` along, 40 ms and 6 MiB

        try:
            version = str(jwt.get_unverified_header(token).get("kid", ""))
            secret = self._secrets.get(version)
            if secret is None:
                raise InvalidToken("the token was not signed by this exchange, or with a secret that is gone")
            claims = jwt.decode(
                token,
                secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # Time is checked below, against the service's own clock.
                options={
                    "require": ["exp", "iat", "sub", "iss", "aud"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            expires = float(claims["exp"])
            key_id, scopes = claims["key_id"], claims["scopes"]
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise InvalidToken("the token is not one of this exchange") from error
        if expires <= now:
            raise InvalidToken("the token has expired; get a new one from POST /v1/tokens")
        if not isinstance(key_id, str) or not isinstance(scopes, list):
            raise InvalidToken("the token is not one of this exchange")
        return Claims(
            tenant_id=str(claims["sub"]),
            key_id=key_id,
            scopes=frozenset(str(scope) for scope in scopes),  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
            expires=expires,
        )


__all__ = ["AUDIENCE", "ISSUER", "Claims", "InvalidToken", "TokenKeys"]
