"""Traces by OTLP, only when `OTEL_EXPORTER_OTLP_ENDPOINT` is set; otherwise nothing of OpenTelemetry is imported.

One server span a sampled request, with the caller's trace as its parent; the trace context itself is passed on by the
edge and the peers whether or not spans are exported.
"""

from typing import TYPE_CHECKING

from aex.core.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def traced(app: "ASGIApp", settings: Settings, service: str) -> "ASGIApp":
    """`app`, wrapped where traces are exported."""
    return _Traced(app, settings, service) if settings.otel_exporter_otlp_endpoint else app


class _Traced:
    def __init__(self, app: "ASGIApp", settings: Settings, service: str) -> None:
        from opentelemetry import propagate, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

        resource = Resource.create({"service.name": service, "deployment.environment": settings.environment})
        provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.otel_traces_sampler_arg))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._app = app
        self._provider = provider
        self._tracer = trace.get_tracer("aex", tracer_provider=provider)
        self._extract = propagate.extract
        self._inject = propagate.inject
        self._server = trace.SpanKind.SERVER

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            self._provider.shutdown()
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        name = f"{scope['method']} {scope['path']}"
        with self._tracer.start_as_current_span(name, self._extract(headers), kind=self._server) as span:
            passed_on: dict[str, str] = {}
            self._inject(passed_on)
            scope["headers"] = [
                *(pair for pair in scope["headers"] if pair[0] != b"traceparent"),
                *((key.encode(), value.encode()) for key, value in passed_on.items()),
            ]

            async def note_status(message: "Message") -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, note_status)
            route = scope.get("aex.route") or getattr(scope.get("route"), "path", None)
            if route:
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)


__all__ = ["traced"]
