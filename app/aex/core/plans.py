"""What an endpoint is called with, worked out once from FastAPI's own analysis of its signature.

Owns which parameters are understood: text in paths, queries and headers, one JSON body, the request, and dependencies
made of those. An endpoint that asks for anything else has no plan, and is the framework's.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Protocol, cast

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Param
from fastapi.routing import RouteContext
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from starlette.datastructures import QueryParams


class NotPlain(Exception):
    """The framework must answer this request."""


class _Field(Protocol):
    """What is used of FastAPI's fields."""

    name: str
    field_info: FieldInfo

    @property
    def alias(self) -> str: ...

    def get_default(self) -> object: ...


@dataclass(slots=True)
class Given:
    """What came with a request."""

    path: Mapping[str, str]
    headers: Sequence[tuple[bytes, bytes]]
    query: QueryParams | None
    request: Request | None
    body: object = None


_Getter = Callable[[Given], object]


@dataclass(frozen=True, slots=True)
class Plan:
    """How one function is called. `body` validates the decoded body, None when the function takes none."""

    function: Callable[..., Awaitable[Response]]
    getters: tuple[tuple[str, _Getter], ...]
    dependencies: "tuple[tuple[str, Plan], ...]"
    body: Callable[[object], object] | None
    wants_request: bool

    async def call(self, given: Given) -> Response:
        """Calls it. Raises `NotPlain` where the request lacks something, or has it in another form."""
        values = {name: get(given) for name, get in self.getters}
        for name, dependency in self.dependencies:
            values[name] = await dependency.call(given)
        return await self.function(**values)


def plan_of(context: RouteContext) -> Plan | None:
    """The plan of a route; None when it is not made of what is understood here."""
    dependant: Dependant | None = getattr(context, "dependant", None)
    if dependant is None or getattr(context, "dependencies", None):
        return None
    return _plan(dependant)


def _plan(dependant: Dependant) -> Plan | None:
    function = dependant.call
    unknown = (
        dependant.cookie_params
        or dependant.websocket_param_name
        or dependant.http_connection_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
        or len(dependant.body_params) > 1
    )
    if unknown or function is None or not iscoroutinefunction(function):
        return None
    inner = [(one.name or "", _plan(one)) for one in dependant.dependencies]
    plans = [(name, plan) for name, plan in inner if plan is not None]
    if len(plans) != len(inner) or any(plan.body is not None for _, plan in plans):
        return None
    getters: list[tuple[str, _Getter]] = []
    for fields, getter in (
        (dependant.path_params, _from_path),
        (dependant.query_params, _from_query),
        (dependant.header_params, _from_headers),
    ):
        getters += [(field.name, getter(cast(_Field, field))) for field in fields]
    for field in dependant.body_params:
        getters.append((field.name, _the_body))
    if dependant.request_param_name is not None:
        getters.append((dependant.request_param_name, _the_request))
    return Plan(
        function=function,
        getters=tuple(getters),
        dependencies=tuple(plans),
        body=_validator(cast(_Field, dependant.body_params[0])) if dependant.body_params else None,
        wants_request=dependant.request_param_name is not None or any(plan.wants_request for _, plan in plans),
    )


def _the_body(given: Given) -> object:
    return given.body


def _the_request(given: Given) -> object:
    return given.request


def _from_path(field: _Field) -> _Getter:
    alias, checked = field.alias, _checked(field)
    return lambda given: checked(given.path[alias])


def _from_query(field: _Field) -> _Getter:
    alias, checked = field.alias, _checked(field)

    def get(given: Given) -> object:
        return checked(given.query.get(alias) if given.query is not None else None)

    return get


def _from_headers(field: _Field) -> _Getter:
    # A header that is given twice counts once, as the framework has it: the first.
    name, checked = _header_name(field).encode(), _checked(field)

    def get(given: Given) -> object:
        for key, value in given.headers:
            if key == name:
                return checked(value.decode("latin-1"))
        return checked(None)

    return get


def _header_name(field: _Field) -> str:
    info = field.field_info
    converts = getattr(info, "convert_underscores", True) and field.alias == field.name
    return (field.name.replace("_", "-") if converts else field.alias).lower()


def _checked(field: _Field) -> Callable[[str | None], object]:
    """`value` as the parameter's type; its default for None."""
    info = cast(Param, field.field_info)
    required, validate = info.is_required(), _validator(field)
    annotation = cast(object, info.annotation)
    plain = annotation in (str, str | None) and not info.metadata

    def check(value: str | None) -> object:
        if value is None:
            if required:
                raise NotPlain
            return field.get_default()
        if plain:
            return value
        try:
            return validate(value)
        except ValidationError:
            raise NotPlain from None

    return check


def _validator(field: _Field) -> Callable[[object], object]:
    adapter: TypeAdapter[object] = getattr(field, "_type_adapter")  # noqa: B009 - the framework's own, so that both agree
    validate = adapter.validator.validate_python
    return lambda value: validate(value, from_attributes=True)


__all__ = ["Given", "NotPlain", "Plan", "plan_of"]
