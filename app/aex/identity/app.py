"""aex-identity as a service: its settings and its parts."""

from functools import partial

from fastapi import APIRouter
from pydantic import SecretStr

from aex.core.keys import Pepper
from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings
from aex.core.tokens import TokenKeys
from aex.identity.exchange import Exchange
from aex.identity.keys import Keys
from aex.identity.routes import Parts, routes
from aex.identity.seeding import operator_secrets, seed
from aex.identity.tenants import Tenants


class IdentitySettings(Settings):
    """What identity reads besides the common settings."""

    api_key_salt: SecretStr
    """Peppers key hashes: `version:secret,...`, newest first."""
    jwt_secret: SecretStr
    """Signs tokens: `version:secret,...`, newest first, each at least 32 characters."""
    operator_key: SecretStr | None = None
    """The operator's API key, `aexk_` and 64 hex digits; it exists as soon as the service does."""


def build(rt: Runtime[IdentitySettings]) -> APIRouter:
    """The routes of identity; the operator's key is seeded before the first request."""
    pepper = Pepper(rt.settings.api_key_salt)
    keys = Keys(rt.store, pepper, rt.clock)
    tenants = Tenants(rt.store, keys, rt.clock)
    exchange = Exchange(keys, TokenKeys(rt.settings.jwt_secret), rt.clock)
    if rt.settings.operator_key is not None:
        secrets = operator_secrets(rt.settings.operator_key)
        rt.starting.append(partial(seed, rt.store, pepper, rt.clock, secrets))
    return routes(Parts(tenants, keys, exchange, rt.clock))


DEFINITION = Definition("aex-identity", IdentitySettings, build)

__all__ = ["DEFINITION", "IdentitySettings"]
