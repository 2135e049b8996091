"""Images carried from one stack's registry to another's, with the real skopeo and a real registry on loopback."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.ops import engine
from infra.ops.faults import OpsError
from infra.ops.pipelines import images
from tests.image.docker import Docker

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

SERVICES = ("aex-gateway", "aex-identity")


@pytest.fixture
def staging(docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Service -> reference of what staging runs; production's registry is empty. The registry speaks plain HTTP."""
    settings = tmp_path / "home" / ".config" / "containers" / "registries.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[[registry]]\nlocation = "{docker.registry}"\ninsecure = true\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    running: dict[str, str] = {}
    for service in SERVICES:
        repository = f"staging/{tmp_path.name}/{service}"
        docker.run("import", str(_tree(tmp_path / f"{service}.tar", service)), f"{docker.registry}/{repository}:v1")
        docker.run("push", f"{docker.registry}/{repository}:v1")
        running[service] = f"{docker.registry}/{repository}@{docker.manifest(repository, 'v1')[0]}"
    outputs: Mapping[str, object] = {
        "staging": {"aws": {"images": running}},
        "production": {
            cloud: {"registry": {each: f"{docker.registry}/{cloud}/{tmp_path.name}/{each}" for each in SERVICES}}
            for cloud in ("aws", "gcp")
        },
    }
    monkeypatch.setattr(engine, "outputs", outputs.__getitem__)
    return running


def test_every_cloud_gets_the_same_bytes_under_the_release_and_once(
    docker: Docker, staging: Mapping[str, str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    saved = images.save("staging", kept)
    assert saved == {service: reference.rpartition("@")[2] for service, reference in staging.items()}
    assert images.push("production", kept, "v1.2.0") == saved
    for cloud in ("aws", "gcp"):
        for service in SERVICES:
            assert docker.manifest(f"{cloud}/{tmp_path.name}/{service}", "v1.2.0")[0] == saved[service]
            docker.run("pull", "--quiet", f"{docker.registry}/{cloud}/{tmp_path.name}/{service}@{saved[service]}")

    # What is there is asked for by its digest, and not pushed again: no tag appears.
    assert images.push("production", kept, "v1.2.1") == saved
    with pytest.raises(OSError, match="404"):
        docker.manifest(f"aws/{tmp_path.name}/aex-gateway", "v1.2.1")


def test_bytes_that_were_changed_on_the_way_are_refused(staging: Mapping[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    images.save("staging", kept)
    layer = max((kept / "aex-gateway").glob("[0-9a-f]*"), key=lambda file: file.stat().st_size)
    layer.write_bytes(layer.read_bytes()[::-1])
    with pytest.raises(OpsError, match="skopeo copy"):
        images.push("production", kept, "v1.2.0")


def _tree(archive: Path, service: str) -> Path:
    content = service.encode() * 1000
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("etc/aex/service")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive
