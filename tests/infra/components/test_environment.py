"""Environment variables of the services, derived from the catalog."""

from dataclasses import replace

import pytest

from infra.components.catalog import CATALOG
from infra.components.environment import (
    Common,
    DutyMode,
    ServiceAuth,
    StoreType,
    allowed_callers,
    environment_of,
    secret_variables,
)
from infra.components.model import Service
from tests.infra.components import expected

COMMON = Common(environment="staging", store=StoreType.MONGO, service_auth=ServiceAuth.TOKEN)


def address(service: Service) -> str:
    return f"http://{service.name}:{service.port}"


def variables(name: str, common: Common = COMMON) -> dict[str, str]:
    return environment_of(CATALOG, CATALOG.service(name), common, address)


@pytest.mark.parametrize("name", CATALOG.names)
def test_urls_are_those_of_the_callees_and_no_others(name: str) -> None:
    urls = {value for variable, value in variables(name).items() if variable.endswith("_URL")}
    assert urls == {f"http://{callee}:{expected.PORTS[callee]}" for caller, callee in expected.EDGES if caller == name}


def test_a_variable_means_the_same_service_everywhere() -> None:
    meaning = {(variable, value) for name in CATALOG.names for variable, value in variables(name).items()}
    for variable in {variable for variable, _ in meaning if variable.endswith("_URL")}:
        assert len({value for candidate, value in meaning if candidate == variable}) == 1


def test_the_whole_environment_of_one_service() -> None:
    assert variables("aex-bid-gateway") == {
        "AEX_CALLERS": "aex-bid-evaluator,aex-contract-engine,aex-gateway,operator,scheduler",
        "AEX_DUTIES": "loop",
        "AEX_SERVICE_AUTH": "token",
        "DUTY_INTERVAL_SECONDS": "1",
        "ENVIRONMENT": "staging",
        "HOST": "0.0.0.0",  # noqa: S104 - inside a container
        "LOG_LEVEL": "info",
        "PORT": "8082",
        "PROVIDER_REGISTRY_URL": "http://aex-provider-registry:8085",
        "STORE_TYPE": "mongo",
        "WORK_PUBLISHER_URL": "http://aex-work-publisher:8081",
    }


def test_variables_are_sorted_so_that_nothing_changes_from_run_to_run() -> None:
    for name in CATALOG.names:
        assert list(variables(name)) == sorted(variables(name))


def test_no_store_and_no_duties_where_there_are_none() -> None:
    gateway = variables("aex-gateway")
    assert "STORE_TYPE" not in gateway
    assert gateway["AEX_DUTIES"] == "off"
    assert "DUTY_INTERVAL_SECONDS" not in gateway
    external = variables("aex-settlement", replace(COMMON, duties=DutyMode.EXTERNAL))
    assert external["AEX_DUTIES"] == "external"
    assert "DUTY_INTERVAL_SECONDS" not in external


def test_secret_variables() -> None:
    assert secret_variables(CATALOG.service("aex-gateway")) == {"JWT_SECRET": "aex-jwt-secret"}
    assert secret_variables(CATALOG.service("aex-telemetry")) == {}


def test_allowed_callers_are_services_and_outsiders() -> None:
    assert allowed_callers(CATALOG, "aex-gateway") == ("operator", "uptime")
    assert allowed_callers(CATALOG, "aex-identity") == ("aex-gateway", "operator")
