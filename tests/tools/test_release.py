"""The official release: taken when it can be reached and verified, and only then."""

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.tools.programs import program
from tools import release
from tools.console import Step

VERSION = (3, 274, 1)
NAME = "pulumi-v3.274.1-linux-x64.tar.gz"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served in the place of both download sites, with one release in it."""
    folder = tmp_path / "site"
    (folder / "v3.274.1").mkdir(parents=True)
    program(tmp_path / "pulumi", "pulumi", "v3.274.1")
    with tarfile.open(folder / NAME, "w:gz") as archive:
        archive.add(tmp_path / "pulumi", "pulumi")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(release, "ARCHIVES", address)
    monkeypatch.setattr(release, "GITHUB", address)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    yield folder
    server.shutdown()
    server.server_close()


def download(target: Path) -> tuple[bool, str]:
    target.parent.mkdir(parents=True)
    out = io.StringIO()
    with Step("engine", stream=out) as step:
        return release.download(VERSION, target, step), out.getvalue()


@pytest.mark.parametrize(
    ("listing", "algorithm"), [("pulumi-3.274.1-checksums.txt", "sha256"), ("SHA512SUMS", "sha512")]
)
def test_a_release_with_its_published_checksum_is_unpacked(
    site: Path, tmp_path: Path, listing: str, algorithm: str
) -> None:
    digest = hashlib.new(algorithm, (site / NAME).read_bytes()).hexdigest()
    (site / "v3.274.1" / listing).write_text(f"{'0' * len(digest)}  other.tar.gz\n{digest}  {NAME}\n")
    target = tmp_path / "cache" / "ready"
    assert download(target)[0]
    assert (target / "pulumi").stat().st_mode & 0o111
    assert list(target.parent.iterdir()) == [target]


def test_another_checksum_means_another_file(site: Path, tmp_path: Path) -> None:
    (site / "v3.274.1" / "SHA512SUMS").write_text(f"{'0' * 128}  {NAME}\n")
    target = tmp_path / "cache" / "ready"
    had, said = download(target)
    assert not had and "does not have its published checksum" in said
    assert list(target.parent.iterdir()) == []


@pytest.mark.usefixtures("site")
def test_what_cannot_be_verified_is_not_used(tmp_path: Path) -> None:
    assert not download(tmp_path / "cache" / "ready")[0]


def test_no_way_out_is_said_and_not_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(release, "GITHUB", "http://127.0.0.1:1")
    had, said = download(tmp_path / "cache" / "ready")
    assert not had and "cannot be reached (" in said


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", NAME),
        ("Darwin", "arm64", "pulumi-v3.274.1-darwin-arm64.tar.gz"),
        ("Linux", "aarch64", "pulumi-v3.274.1-linux-arm64.tar.gz"),
        ("Linux", "riscv64", None),
        ("SunOS", "x86_64", None),
    ],
)
def test_archives_are_named_by_platform(system: str, machine: str, name: str | None) -> None:
    assert release.archive_name(VERSION, system, machine) == name
