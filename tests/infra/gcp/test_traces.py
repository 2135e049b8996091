"""Traces of the services reach Google: with what each revision is given, the exporter inside really sends them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import google.auth
import pytest
from google.auth.credentials import Credentials

from tests.infra.gcp.stacks import PROJECT, SERVICE, environment, stack


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    received: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # the name is the standard library's
        return


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.received.clear()
    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    server.shutdown()
    thread.join()
    server.server_close()


class Account(Credentials):
    """The service's account, as Cloud Run's metadata server would give it."""

    def refresh(self, request: object) -> None:
        self.token = "from-the-metadata-server"


def test_every_service_is_told_where_traces_go_and_whose_they_are() -> None:
    for name in ("production", "staging", "pr-12"):
        for service in stack(name).of(SERVICE):
            variables = environment(service)
            assert variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "https://telemetry.googleapis.com/v1/traces"
            assert f"gcp.project_id={PROJECT}" in variables["OTEL_RESOURCE_ATTRIBUTES"].split(",")


def test_bootstrap_enables_the_api_that_takes_traces() -> None:
    enabled = {each.inputs["service"] for each in stack("bootstrap").of("gcp:projects/service:Service")}
    assert {"telemetry.googleapis.com", "cloudtrace.googleapis.com"} <= enabled


def test_the_exporter_of_a_service_sends_spans_as_its_account(collector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    for variable, value in environment(stack("staging").one(SERVICE, "aex-identity")).items():
        if variable.startswith("OTEL_"):
            monkeypatch.setenv(variable, value)
    monkeypatch.setattr(google.auth, "default", lambda: (Account(), PROJECT))
    provider = TracerProvider(shutdown_on_exit=False)
    # As the framework makes it: only the address is given, everything else comes from the variables.
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=collector)))
    with provider.get_tracer("test").start_as_current_span("a request"):
        pass
    provider.shutdown()
    ((headers, body),) = Collector.received
    assert headers["authorization"] == "Bearer from-the-metadata-server"
    assert b"gcp.project_id" in body and PROJECT.encode() in body, "Google refuses traces without it"
