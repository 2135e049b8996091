"""Traces: each service sends its own to Google's endpoint for OpenTelemetry, with its own account and no collector.

Owns the variables that the exporter inside the services reads. Which share of the requests is traced is the services'
own business (`OTEL_TRACES_SAMPLER_ARG`, one in a hundred); the right to write (`roles/cloudtrace.agent`, which covers
this endpoint too) is in `identity.py`.
"""

from __future__ import annotations

from typing import Final

from infra.gcp.context import Context

ENDPOINT: Final = "https://telemetry.googleapis.com/v1/traces"
"""Of the Telemetry API, which hands traces on to Cloud Trace."""

CREDENTIALS: Final = "gcp_http_credentials"
"""Entry point of `opentelemetry-exporter-credential-provider-gcp`: without it the exporter sends no token at all."""


def trace_variables(ctx: Context) -> dict[str, str]:
    """What a service needs to send traces; Google refuses those that do not say whose project they are."""
    return {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ENDPOINT,
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER": CREDENTIALS,
        "OTEL_RESOURCE_ATTRIBUTES": f"gcp.project_id={ctx.project},deployment.environment.name={ctx.stack}",
    }


__all__ = ["CREDENTIALS", "ENDPOINT", "trace_variables"]
