"""aex-provider-registry: its settings, and how its parts are put together."""

from fastapi import APIRouter
from pydantic import SecretStr

from aex.core.keys import Pepper
from aex.core.runtime import Definition, Runtime
from aex.core.settings import ServiceAuth, Settings
from aex.provider_registry.capabilities import Capabilities
from aex.provider_registry.cards import Cards
from aex.provider_registry.index import Index
from aex.provider_registry.providers import SKILL_INDEX, Providers
from aex.provider_registry.routes import Registry, routes
from aex.provider_registry.scores import Scores
from aex.provider_registry.subscriptions import Subscriptions


class RegistrySettings(Settings):
    """What the registry reads beyond what every service does."""

    api_key_salt: SecretStr
    """Peppers of the stored key hashes, `version:secret,...`, newest first."""
    trust_broker_url: str = "http://127.0.0.1:8086"


def build(rt: Runtime[RegistrySettings]) -> APIRouter:
    """The registry on `rt`."""
    relaxed = rt.settings.relaxed
    skills = Index(rt.store, SKILL_INDEX, rt.clock)
    scores = Scores(rt.peer("aex-trust-broker"), rt.clock)
    providers = Providers(rt.store, skills, rt.clock, Pepper(rt.settings.api_key_salt), relaxed=relaxed)
    return routes(
        Registry(
            providers=providers,
            subscriptions=Subscriptions(rt.store, providers, rt.clock, relaxed=relaxed),
            cards=Cards(rt.store, skills, providers, scores, rt.clock, relaxed=relaxed),
            capabilities=Capabilities(rt.store, skills, rt.clock),
            scores=scores,
            keys_in_query=rt.settings.service_auth is ServiceAuth.OFF,
        )
    )


DEFINITION = Definition(
    name="aex-provider-registry",
    settings_type=RegistrySettings,
    build=build,
    calls={"aex-trust-broker": "trust_broker_url"},
)

__all__ = ["DEFINITION", "RegistrySettings", "build"]
