"""Route classes for what FastAPI's own cannot say.

A check before the body is read, and a service's own words for a body that is wrong.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeAlias

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from aex.core.errors import ApiError

Before: TypeAlias = Callable[[Request], Awaitable[None]]
"""Runs before the body is parsed; raises to refuse the request."""
Describe: TypeAlias = Callable[[RequestValidationError], ApiError | None]
"""The service's own answer to an invalid request; None leaves it to the common one."""
_BEFORE = "aex_before"


def before_of(route: object) -> Before | None:
    """The check before the body of a route that `route_class` made; None for one without, or of another class."""
    return getattr(type(route), _BEFORE, None)


def route_class(*, before: Before | None = None, describe: Describe | None = None) -> type[APIRoute]:
    """A route class for `APIRouter(route_class=...)`."""

    class Route(APIRoute):
        """Handles a request after `before`, with `describe` for validation errors."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[None, None, Response]]:
            """See `APIRoute`."""
            handle = super().get_route_handler()

            async def handler(request: Request) -> Response:
                if before is not None:
                    await before(request)
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    described = describe(error) if describe is not None else None
                    if described is None:
                        raise
                    raise described from None

            return handler

    if before is not None:
        setattr(Route, _BEFORE, staticmethod(before))
    return Route


def is_not_json(error: RequestValidationError) -> bool:
    """Whether the body could not be read as JSON at all."""
    return error.errors()[0]["type"] == "json_invalid"


__all__ = ["Before", "Describe", "before_of", "is_not_json", "route_class"]
