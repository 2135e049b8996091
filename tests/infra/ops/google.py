"""Google Cloud on loopback: answers in the form of its REST interfaces, for the paths that a test has filled.

What is not filled is answered as Google does for something that does not exist; tokens are given to whoever asks with a
service account's key, as in reality.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

APIS = (
    "run",
    "secretmanager",
    "artifactregistry",
    "firestore",
    "iam",
    "compute",
    "storage",
    "serviceusage",
    "cloudresourcemanager",
    "cloudbilling",
    "monitoring",
    "logging",
)
EMAIL = "aex-deploy@acme-exchange.iam.gserviceaccount.com"
Answer = Mapping[str, Any] | list[Any] | Callable[[Any], Any]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Google:
    """What is answered, and what was asked."""

    url: str = ""
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    """Method and `<api>/<path>` -> body, or what makes it from the request's body."""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def on(self, method: str, path: str, answer: Answer) -> None:
        """Answer this from now on."""
        self.answers[method, path] = answer

    def refuse(self, method: str, path: str, status: int, message: str) -> None:
        """Answer this with an error."""

        def refusal(_: Any) -> Any:
            raise Refused(status, message)

        self.on(method, path, refusal)


@contextmanager
def google(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Google]:
    """Google on a port of this machine, with credentials for it in the environment."""
    found = Google()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(_credentials(folder, found.url)))
    patch.setenv("NO_PROXY", "127.0.0.1")
    for api in APIS:
        patch.setenv(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}", f"{found.url}/{api}/")
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(state: Google) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            path = address.path.strip("/")
            if path == "token":
                self._write(200, {"access_token": "ya29.test", "expires_in": 3600, "token_type": "Bearer"})
                return
            body = json.loads(raw) if raw else dict(parse_qs(address.query))
            state.asked.append((method, path, body))
            if self.headers.get("Authorization") != "Bearer ya29.test":
                self._write(401, _error(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED"))
                return
            answer = state.answers.get((method, path))
            if answer is None:
                self._write(404, _error(404, f"Resource '{path}' was not found", "NOT_FOUND"))
                return
            try:
                self._write(200, answer(body) if callable(answer) else answer)
            except Refused as refusal:
                self._write(refusal.status, _error(refusal.status, refusal.message, "PERMISSION_DENIED"))

        def _write(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


def _error(code: int, message: str, status: str) -> Mapping[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}


def _credentials(folder: Path, url: str) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "type": "service_account",
        "project_id": "acme-exchange",
        "private_key_id": "1",
        "private_key": pem,
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    path = folder / "credentials.json"
    path.write_text(json.dumps(account))
    return path
