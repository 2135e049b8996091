"""The reverse proof: what the services read, run and answer is declared, and nothing that is declared is unread."""

import re
from importlib import import_module

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import Match

from aex.core.peers import Peer
from aex.core.runtime import Definition
from aex.core.settings import Settings
from infra.components.catalog import CATALOG
from infra.components.environment import Common, ServiceAuth, StoreType, environment_of, secret_variables
from infra.components.graph import outside_callers_of
from infra.components.model import Service
from tests.app.support import AsgiPeer, run_duties, running

COMMON = Common(environment="staging", store=StoreType.MONGO, service_auth=ServiceAuth.TOKEN)

pytestmark = pytest.mark.parametrize("service", CATALOG.services, ids=CATALOG.names)


def definition(service: Service) -> Definition[Settings]:
    return import_module(f"aex.{service.package}.app").DEFINITION


def variables_of(settings: type[Settings]) -> dict[str, object]:
    """Environment variable -> annotation, for every field."""
    return {
        str(field.validation_alias or name).upper(): field.annotation for name, field in settings.model_fields.items()
    }


def own_variables(service: Service) -> dict[str, object]:
    """Those that only this service reads."""
    common = variables_of(Settings)
    return {key: kind for key, kind in variables_of(definition(service).settings_type).items() if key not in common}


def test_names_agree(service: Service) -> None:
    assert definition(service).name == service.name


def test_every_url_that_is_read_is_declared_and_the_reverse(service: Service) -> None:
    read = {variable for variable in own_variables(service) if variable.endswith("_URL")}
    assert read == {call.variable for call in service.calls}


def test_callees_are_called_at_the_declared_variable(service: Service) -> None:
    called = {callee: variable.upper() for callee, variable in definition(service).calls.items()}
    assert called == {call.service: call.variable for call in service.calls}


def test_every_secret_that_is_read_is_declared_and_the_reverse(service: Service) -> None:
    read = {variable for variable, kind in own_variables(service).items() if re.search(r"\bSecretStr\b", repr(kind))}
    assert read == set(secret_variables(service))


def test_what_looks_like_a_secret_is_kept_as_one(service: Service) -> None:
    for variable, kind in own_variables(service).items():
        if re.search(r"(SECRET|SALT|PASSWORD|_KEY|TOKEN)$", variable):
            assert SecretStr.__name__ in repr(kind), variable


def test_every_variable_that_is_set_is_read(service: Service) -> None:
    given = environment_of(CATALOG, service, COMMON, lambda callee: f"http://{callee.name}")
    assert set(given) <= set(variables_of(definition(service).settings_type))


async def test_duties_that_run_are_declared_and_the_reverse(service: Service) -> None:
    async with running(definition(service), peers=silent_peers(service)) as app:
        assert set(await run_duties(app)) == {duty.name for duty in service.duties}


async def test_routes_that_outsiders_may_use_exist(service: Service) -> None:
    granted = {route for routes in outside_callers_of(CATALOG, service.name).values() for route in routes}
    async with running(definition(service), peers=silent_peers(service)) as app:
        assert {route for route in granted if not answers(app, route)} == set()
        assert not answers(app, "GET /internal/v1/nothing-like-this")


def answers(app: FastAPI, route: str) -> bool:
    """Whether the app has a route (`METHOD /path`)."""
    method, path = route.split(" ")
    scope: dict[str, object] = {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}
    return any(candidate.matches(scope)[0] is Match.FULL for candidate in app.routes)


def silent_peers(service: Service) -> dict[str, Peer]:
    """Callees that know no route."""
    return {call.service: AsgiPeer(call.service, FastAPI()) for call in service.calls}
