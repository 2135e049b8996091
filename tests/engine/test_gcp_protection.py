"""Production and bootstrap on Google Cloud under the real engine: there in one go, not to be lost by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.components.protocol import Context, ProviderError, Resource
from tests.engine import lifecycle
from tests.engine.cloud import CloudStack
from tests.engine.standins.gcp import gcp_provider
from tests.engine.standins.gcp.run import SERVICE
from tests.engine.standins.gcp.table import DATABASE, SECRET
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]

PRODUCTION = {
    "domain": "aex.example.org",
    "alarms": {"emails": ["oncall@example.org"]},
    "budget": {"monthly": 1500, "billingAccount": "012345-6789AB-CDEF01"},
}


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("gcp",)) as running:
        yield running


@pytest.fixture(scope="module")
def production(standins: Standins, tmp_path_factory: pytest.TempPathFactory) -> CloudStack:
    return CloudStack.new(tmp_path_factory.mktemp("gcp") / "project", "production", standins, gcp=PRODUCTION)


class TestProduction:
    def test_one_up_does_what_the_preview_said_by_every_rule_and_a_second_nothing(self, production: CloudStack):
        lifecycle.is_made(production)
        lifecycle.at_rest(production)

    def test_it_refuses_to_be_destroyed_and_loses_nothing(self, production: CloudStack):
        lifecycle.refuses_destroy(production, names=["database", "aex-jwt-secret", "aex-api-key-salt-1", "exports"])

    def test_google_would_refuse_too_if_somebody_took_the_engines_protection_away(
        self, production: CloudStack, standins: Standins
    ):
        provider = gcp_provider(standins.gcp)
        stateful = [*standins.gcp.things(DATABASE), *standins.gcp.things(SECRET), *standins.gcp.things(SERVICE)]
        assert len(stateful) == 1 + 3 + 10
        for thing in stateful:
            resource = Resource(thing.urn, thing.id, thing.inputs, thing.outputs)
            with pytest.raises(ProviderError, match="by an `up` first"):
                provider.kind(thing.token).delete(Context(urn=thing.urn), resource)

    def test_without_the_confirmation_the_protection_stays(self, production: CloudStack):
        production.config["agent-exchange:protect"] = "false"
        refused = production.up(fails=True)
        assert "set agent-exchange:confirmUnprotected to production as well" in refused.words

    def test_unprotected_by_an_up_it_goes_completely(self, production: CloudStack):
        production.config["agent-exchange:confirmUnprotected"] = "production"
        production.up()
        lifecycle.destroys(production)


class TestBootstrap:
    def test_one_up_and_a_second_does_nothing(self, production: CloudStack):
        bootstrap = production.beside("bootstrap")
        bootstrap.up()
        lifecycle.in_step(bootstrap)
        lifecycle.at_rest(bootstrap)
        lifecycle.refuses_destroy(bootstrap, names=["state", "state-production", "github"])
