"""The authorities of DocumentDB's certificates: each can be read, and one command fetches them anew."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from infra.aws.database_users import CA_FILE
from tools.image import certificates
from tools.image.certificates import FOLDER, NAME, BundleError, bundle, parse

BUNDLE = (FOLDER / NAME).read_text()


@contextmanager
def serving(content: str) -> Iterator[str]:
    """The address of a server that answers with `content`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/global-bundle.pem"
        finally:
            server.shutdown()


def test_every_certificate_can_be_read_and_is_an_authority_of_amazons() -> None:
    found = parse(BUNDLE)
    assert len(found) == BUNDLE.count("BEGIN CERTIFICATE") > 100
    assert all("Amazon" in certificate.subject.rfc4514_string() for certificate in found)


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1"])
def test_regions_have_authorities_for_decades(region: str) -> None:
    ends = [
        each.not_valid_after_utc for each in parse(BUNDLE) if f"RDS {region} Root CA" in each.subject.rfc4514_string()
    ]
    assert max(ends) > datetime(2060, 1, 1, tzinfo=UTC), "the 2019 authorities ended in 2024"


def test_origin_and_checksum_are_beside_it() -> None:
    checksum = hashlib.sha256(BUNDLE.encode()).hexdigest()
    assert (FOLDER / f"{NAME}.sha256").read_text() == f"{checksum}  {NAME}\n", "as sha256sum --check reads it"
    source = yaml.safe_load((FOLDER / f"{NAME}.source").read_text())
    assert source["sha256"] == checksum and source["certificates"] == len(parse(BUNDLE))
    assert {"source", "fetched"} <= set(source)


def test_the_platform_names_the_file_as_the_image_has_it() -> None:
    assert f"/etc/aex/{NAME}" == CA_FILE
    assert "COPY --from=code /certificates /etc/aex" in (FOLDER.parent / "Dockerfile").read_text()


def test_the_command_replaces_bundle_checksum_and_origin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = "".join(certificate_text(number) for number in (0, 1))
    with serving(f"some words of Amazon's\n{two}") as address:
        assert certificates.main(["--source", address, "--folder", str(tmp_path)]) == 0
    written = (tmp_path / NAME).read_text()
    assert len(parse(written)) == 2 and written == bundle(written)
    assert address in (tmp_path / f"{NAME}.source").read_text()
    assert hashlib.sha256(written.encode()).hexdigest() in (tmp_path / f"{NAME}.sha256").read_text()
    assert "look at the difference, then commit it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("<html>not here</html>", "there is no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 cannot be read"),
    ],
)
def test_what_is_no_bundle_changes_nothing(
    content: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(content) as address:
        assert certificates.main(["--source", address, "--folder", str(tmp_path)]) == 1
    assert problem in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_authorities_come_over_tls_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert certificates.main(["--source", "http://example.com/x.pem", "--folder", str(tmp_path)]) == 1
    assert "is not https" in capsys.readouterr().err


def test_a_certificate_that_is_there_twice_is_refused() -> None:
    with pytest.raises(BundleError, match="there twice"):
        parse(certificate_text(0) * 2)


def certificate_text(number: int) -> str:
    """One of the bundle's certificates."""
    return BUNDLE.split("-----BEGIN CERTIFICATE-----")[number + 1].join(["-----BEGIN CERTIFICATE-----", ""])
