"""Who may report and vouch: services that are declared to, and among them only the one that knows."""

import base64

import pytest

from aex.core.service_tokens import TokenProof, public_key
from aex.trust_broker.app import DEFINITION
from tests.app.support import client_of, error_code, running

SEEDS = {
    name: base64.b64encode(bytes([number]) * 32).decode()
    for number, name in enumerate(
        ["aex-trust-broker", "aex-contract-engine", "aex-bid-evaluator", "aex-provider-registry", "aex-gateway"]
    )
}
OUTCOME = {"provider_id": "p", "contract_id": "c", "outcome": "SUCCESS"}
VERIFY = {"verification_type": "identity", "verified": True}


async def post(caller: str | None, path: str, body: object) -> tuple[int, str]:
    callers = [name for name in SEEDS if name != "aex-trust-broker"]
    keys = {name: public_key(SEEDS[name]) for name in callers}
    async with running(
        DEFINITION,
        AEX_SERVICE_AUTH="token",
        AEX_SERVICE_SEED=SEEDS["aex-trust-broker"],
        AEX_SERVICE_KEYS=keys,
        AEX_CALLERS=",".join(callers),
    ) as app:
        headers = dict(await TokenProof(caller, SEEDS[caller]).headers("aex-trust-broker", "")) if caller else {}
        answer = await client_of(app).post(path, json=body, headers=headers)
        return answer.status_code, "" if answer.is_success else error_code(answer)


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ("aex-contract-engine", (200, "")),
        ("aex-bid-evaluator", (403, "caller_refused")),
        ("aex-provider-registry", (403, "caller_refused")),
        ("aex-gateway", (403, "caller_refused")),
        (None, (401, "service_required")),
    ],
)
async def test_only_the_contract_engine_reports_outcomes(caller: str | None, expected: tuple[int, str]) -> None:
    """Contract 8.6: anyone could post outcomes for any provider."""
    assert await post(caller, "/internal/v1/outcomes", OUTCOME) == expected


@pytest.mark.parametrize(("caller", "status"), [("aex-provider-registry", 200), ("aex-contract-engine", 403)])
async def test_only_the_registry_vouches_for_providers(caller: str, status: int) -> None:
    assert (await post(caller, "/internal/v1/providers/p/verify", VERIFY))[0] == status


@pytest.mark.parametrize("caller", ["aex-bid-evaluator", "aex-provider-registry", "aex-contract-engine"])
async def test_declared_services_ask_for_scores(caller: str) -> None:
    assert (await post(caller, "/internal/v1/trust/batch", {"provider_ids": ["p"]}))[0] == 200
