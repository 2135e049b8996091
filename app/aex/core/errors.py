"""Errors that a client sees: one JSON shape on all ten services.

`{"error": {"code": "<machine word>", "message": "<what and what to do>", "request_id": "<id>"}}`
"""

from collections.abc import Mapping

from starlette.exceptions import HTTPException


class ApiError(HTTPException):
    """An answer that ends the request: HTTP status, machine-readable code, message for a person.

    An `HTTPException`, so that the framework lets it pass from wherever it is raised, body parsing included.
    """

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code=status, detail=message, headers=dict(headers or {}))
        self.code = code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.status_code

    @property
    def message(self) -> str:
        """The text for a person."""
        return self.detail


def bad_request(message: str, code: str = "bad_request") -> ApiError:
    """400: the request itself is wrong; the same request will never succeed."""
    return ApiError(400, code, message)


def unauthorized(message: str, code: str = "unauthorized") -> ApiError:
    """401: no credential, or one that is not (or no longer) valid."""
    return ApiError(401, code, message)


def forbidden(message: str, code: str = "forbidden") -> ApiError:
    """403: the credential is valid but may not do this."""
    return ApiError(403, code, message)


def not_found(message: str, code: str = "not_found") -> ApiError:
    """404."""
    return ApiError(404, code, message)


def conflict(message: str, code: str = "conflict") -> ApiError:
    """409: the state of the thing does not allow it."""
    return ApiError(409, code, message)


def unavailable(message: str, *, code: str = "service_unavailable", retry_after: int = 1) -> ApiError:
    """503 with Retry-After in seconds: nothing is wrong with the request, try again."""
    return ApiError(503, code, message, headers={"Retry-After": str(retry_after)})


__all__ = ["ApiError", "bad_request", "conflict", "forbidden", "not_found", "unauthorized", "unavailable"]
