"""Schemathesis against the gateway's aggregated OpenAPI, over ten real processes: no answer is a 500, nor a broken one.

The services by themselves are in `tests/app/test_fuzz.py`; here every generated request passes the gateway's checks and
its proxy on its way to them.
"""

from collections.abc import Generator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from tests.flow.exchange import Exchange

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

EXAMPLES = 6
"""Requests per operation: about half a minute in all."""
CALM = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def door(running: Exchange) -> Generator[httpx.Client, None, None]:
    """The gateway, for the operator, whose key opens every route."""
    headers = {"X-API-Key": running.operator_key}
    with httpx.Client(base_url=running.url("aex-gateway"), headers=headers, timeout=30, trust_env=False) as client:
        yield client


def test_no_request_that_the_aggregated_schema_allows_is_answered_with_500(door: httpx.Client) -> None:
    schema = schemathesis.openapi.from_dict(door.get("/openapi.json").json())
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    assert len(operations) > 30, "the gateway serves the public routes of nine services"
    answered: set[int] = set()
    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=CALM)
        @given(case=operation.as_strategy())
        def sends(case: schemathesis.Case) -> None:
            sent = case.as_transport_kwargs(base_url=str(door.base_url))
            named = {
                name: value
                for name, value in (sent.get("headers") or {}).items()
                if value.isascii() and value.isprintable() and value == value.strip() and name.lower() != "x-api-key"
            }
            answer = door.request(
                sent["method"],
                sent["url"],
                params=sent.get("params"),
                headers=named,
                json=sent.get("json"),
                content=sent.get("data"),
            )
            answered.add(answer.status_code)
            assert answer.status_code not in {500, 502, 504}, f"{case.method} {case.formatted_path}: {answer.text}"

        sends()
    assert {200, 400} <= answered, f"the requests passed the gateway and reached the services: {sorted(answered)}"
