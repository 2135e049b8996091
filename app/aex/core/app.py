"""The app factory: a definition and its settings make a running service, with health, metrics, errors and identity."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from aex.core.clock import Clock, utc_now
from aex.core.context import SCHEDULER, Caller
from aex.core.direct import Direct
from aex.core.duties import DutyRoster
from aex.core.edge import Edge, error_body
from aex.core.errors import ApiError, forbidden
from aex.core.logging import get_logger
from aex.core.metrics import CONTENT_TYPE, Metrics
from aex.core.peers import Peer
from aex.core.runtime import Definition, Runtime
from aex.core.service_auth import check_for, proof_for
from aex.core.settings import Duties, Settings
from aex.core.wire import Json
from aex.store.port import Store

log = get_logger(__name__)
S = TypeVar("S", bound=Settings)


def create_app(
    definition: Definition[S],
    settings: S,
    *,
    store: Store,
    peers: Mapping[str, Peer] | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """The service `definition` under `settings`, on `store` (see `aex.store.open_store`), which it closes at the end.

    Tests may bring their own `peers` and `clock`; otherwise peers are called at the URLs in the settings. Raises
    `ValueError` naming the variable when the settings contradict each other.
    """
    metrics = Metrics(definition.name)
    stopping: list[Callable[[], Awaitable[None]]] = []
    if peers is None and definition.calls:
        peers, close = _peers(definition, settings, metrics)
        stopping.append(close)
    runtime = Runtime(
        name=definition.name,
        settings=settings,
        store=store,
        peers=peers or {},
        clock=clock,
        metrics=metrics,
        roster=DutyRoster(metrics),
        stopping=stopping,
    )
    routes = definition.build(runtime)
    edge = Middleware(
        Edge,  # pyright: ignore[reportArgumentType] - keyword-only options, which Starlette passes on
        settings=settings,
        check=check_for(settings, definition.name),
        metrics=metrics,
        outside=definition.outside,
        headers=definition.headers,
    )
    wrap = definition.wrap
    inner = [] if wrap is None else [Middleware(lambda app: wrap(app, runtime))]
    direct = Middleware(Direct, routes=lambda: app.router.routes)
    traced = settings.otel_exporter_otlp_endpoint is not None
    app = FastAPI(
        title=definition.name,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=_lifespan(runtime),
        middleware=[edge, *inner, direct],
        redirect_slashes=False,
        strict_content_type=False,
        # Traces by OTLP when OTEL_EXPORTER_OTLP_ENDPOINT is set; metrics and logs have their own ways out.
        telemetry={
            "auto_configure": traced,
            "tracing": traced,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
        },
    )
    app.state.runtime = runtime
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.include_router(_operations(runtime))
    app.include_router(routes)
    return app


def _peers(
    definition: Definition[S], settings: S, metrics: Metrics
) -> tuple[Mapping[str, Peer], Callable[[], Awaitable[None]]]:
    """The callees of a service at the URLs in its settings, and what closes their connections."""
    from aex.core.http import HttpPeer

    proof = proof_for(settings, definition.name)
    peers = {
        callee: HttpPeer(callee, getattr(settings, variable), proof=proof, metrics=metrics)
        for callee, variable in definition.calls.items()
    }

    async def close() -> None:
        for peer in peers.values():
            await peer.close()

    return peers, close


def _lifespan(runtime: Runtime[S]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None, None]:
        for start in runtime.starting:
            await start()
        if runtime.settings.duties is Duties.LOOP:
            runtime.roster.start(runtime.settings.duty_interval_seconds)
        try:
            yield
        finally:
            await runtime.roster.stop()
            for stop in runtime.stopping:
                await stop()
            await runtime.store.close()

    return lifespan


def _operations(runtime: Runtime[S]) -> APIRouter:
    """What every service answers besides its own routes."""
    router = APIRouter(tags=["operations"])

    @router.api_route("/health", methods=["GET", "HEAD"], include_in_schema=False)
    async def health() -> Response:
        """Live: this process answers. What probes use."""
        return Json({"status": "healthy", "service": runtime.name})

    @router.get("/ready")
    async def ready() -> Response:
        """Ready: our own store answers. Never asks a peer, or one outage becomes ten."""
        await runtime.store.ping()
        return Json({"status": "ready", "service": runtime.name})

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Prometheus metrics, for scrapers on the inside: refused when a proxy or load balancer stands in between."""
        if "x-forwarded-for" in request.headers:
            raise forbidden("metrics are not served through a load balancer")
        return Response(runtime.metrics.render(), media_type=CONTENT_TYPE)

    if runtime.roster:

        @router.post("/internal/v1/duties/run")
        async def run_duties(caller: Caller) -> Response:
            """Runs every background duty once, for schedulers and operators; what each did is in the answer."""
            if caller.service not in {None, SCHEDULER}:
                raise forbidden("only the scheduler runs duties")
            return Json({"duties": await runtime.roster.run_all()})

    return router


_UNREADABLE = "the body cannot be read as JSON: it is not UTF-8, or nested too deeply"


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    problem = error
    if not isinstance(problem, ApiError):
        code = {404: "endpoint_not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
        # The framework's only 400: a body that is no JSON text at all, in words that do not say so.
        said = _UNREADABLE if error.status_code == 400 else str(error.detail)
        problem = ApiError(error.status_code, code, said, headers=error.headers)
    return _answer(request, problem)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    said = str(first["msg"]).removeprefix("Value error, ")
    message = "the body is not valid JSON" if first["type"] == "json_invalid" else f"{where}: {said}"
    return _answer(request, ApiError(400, "bad_request", message))


def _answer(request: Request, problem: ApiError) -> Response:
    body = error_body(problem, request.scope["aex"].request_id)
    return Response(body, problem.status, headers=dict(problem.headers or {}), media_type="application/json")


__all__ = ["create_app"]
