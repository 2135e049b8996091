"""Schemathesis against every service's own OpenAPI: whatever a client sends, no answer is a 500.

The services call each other for real. The gateway has its turn in `tests/flow/test_gateway_fuzz.py`, over real sockets.
"""

import asyncio
import threading
from collections.abc import Generator
from dataclasses import dataclass

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from aex.core.server import SERVICES
from tests.app.world import World, world

EXAMPLES = 12
"""Requests per operation; all services together take about a minute on two cores."""
BACKENDS = [name for name in SERVICES if name != "gateway"]


@dataclass(frozen=True)
class Served:
    """The services, and the loop that they run on: Schemathesis calls them from synchronous code."""

    world: World
    loop: asyncio.AbstractEventLoop

    def status(self, service: str, case: schemathesis.Case) -> tuple[int, str]:
        """The status and body that a generated request is answered with."""
        sent = case.as_transport_kwargs(base_url="http://service")
        request = self.world.client(service).build_request(
            sent["method"],
            sent["url"],
            params=sent.get("params"),
            headers={name: value for name, value in (sent.get("headers") or {}).items() if value.isascii()},
            json=sent.get("json"),
            content=sent.get("data"),
        )
        answer = asyncio.run_coroutine_threadsafe(self.world.client(service).send(request), self.loop).result(30)
        return answer.status_code, answer.text


@pytest.fixture(scope="module")
def served() -> Generator[Served, None, None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = world(without=frozenset({"gateway"}))
    yield Served(asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(30), loop)
    asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def operations_of(served: Served, service: str) -> list[schemathesis.APIOperation]:
    schema = schemathesis.openapi.from_dict(served.world.apps[service].openapi())
    found = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    assert len(found) >= 2, "a service without operations tests nothing"
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", BACKENDS)
def test_no_request_that_the_schema_allows_is_answered_with_500(served: Served, service: str) -> None:
    calm = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    for operation in operations_of(served, service):

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=calm)
        @given(case=operation.as_strategy())
        def sends(case: schemathesis.Case) -> None:
            status, text = served.status(service, case)
            assert status != 500, f"{case.method} {case.formatted_path}: {text}"

        sends()


RUBBISH = (b"null", b"[]", b'"x"', b"1e999", b"[" * 5000, b'{"a":' * 500 + b"1" + b"}" * 500, b"\xef\xbb\xbf{}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", BACKENDS)
def test_no_body_at_all_is_answered_with_500(served: Served, service: str) -> None:
    """What no schema allows: bytes, wrong types, deep nesting, huge numbers."""
    posts = sorted({one.path for one in operations_of(served, service) if one.method.upper() == "POST"})
    client = served.world.client(service)

    @settings(max_examples=EXAMPLES * len(posts), deadline=None, database=None)
    @given(path=st.sampled_from(posts), content=st.binary(max_size=64) | st.sampled_from(RUBBISH))
    def sends(path: str, content: bytes) -> None:
        request = client.post(path.replace("{", "").replace("}", ""), content=content)
        answer = asyncio.run_coroutine_threadsafe(request, served.loop).result(30)
        assert answer.status_code != 500, f"{path} with {content!r}: {answer.text}"

    sends()
