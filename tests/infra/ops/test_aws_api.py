"""What AWS's place in the network may answer that AWS never would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.ops.clouds.aws_api import AwsApi
from infra.ops.faults import Unreachable


class _Portal(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in to the guests' network<br></html>")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A network's login page, in AWS's place."""
    with HTTPServer(("127.0.0.1", 0), _Portal) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("portal")
def test_an_answer_that_is_not_aws_is_said_to_be_none() -> None:
    with pytest.raises(Unreachable, match="what answers sts's get_caller_identity is not AWS") as caught:
        AwsApi("us-east-1").account()
    assert "HTTPS_PROXY" in str(caught.value)
