"""Service-to-service identity: proving who we are to a callee, and checking who calls us; three modes, one interface.

`off` proves and checks nothing; `token` is in `service_tokens`, `google` in `service_google`, and only the one in use
is imported. The end caller's `Authorization` is never touched.
"""

from collections.abc import Mapping
from typing import Protocol

from aex.core.settings import ServiceAuth, Settings


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


class NoProof:
    """Service auth is off."""

    async def headers(self, callee: str, url: str) -> Mapping[str, str]:
        """Nothing to show."""
        return {}


class NoCheck:
    """Service auth is off: nobody is verified, and what a header claims is believed."""

    def caller(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Always None."""
        return None


def proof_for(settings: Settings, name: str) -> Proof:
    """How service `name` proves itself under `settings`. Raises `ValueError` for a seed that is none."""
    match settings.service_auth:
        case ServiceAuth.TOKEN:
            from aex.core.service_tokens import TokenProof

            # The settings insist on a seed in this mode.
            return TokenProof(name, settings.service_seed.get_secret_value() if settings.service_seed else "")
        case ServiceAuth.GOOGLE:
            from aex.core.service_google import GoogleProof

            return GoogleProof()
        case ServiceAuth.OFF:
            return NoProof()


def check_for(settings: Settings, name: str) -> Check:
    """How service `name` checks its callers under `settings`. Raises `ValueError` when a caller's key is missing."""
    match settings.service_auth:
        case ServiceAuth.TOKEN:
            from aex.core.service_tokens import TokenCheck

            return TokenCheck(settings, name)
        case ServiceAuth.GOOGLE:
            from aex.core.service_google import GoogleCheck

            return GoogleCheck(settings, name)
        case ServiceAuth.OFF:
            return NoCheck()


__all__ = ["Check", "NoProof", "Proof", "check_for", "proof_for"]
