"""What goes into a build: the hash that tags the images covers exactly that, and all of it is pinned."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.components.image import APP, DOCKERFILE, NEVER_ENDINGS, NEVER_IN_AN_IMAGE, files
from tests.image.docker import CLIENT, Docker
from tools import uv, versions

SENT = (
    "aex/core/a.py",
    "aex/collections.toml",
    "pyproject.toml",
    "deep/er/still.py",
    "aex/pycache.py",
    "venv/x",
    "x.pyd",
)
LEFT_OUT = (
    *(".venv/bin/python", "aex/.venv/x", "aex/__pycache__/a.cpython-311.pyc", ".pytest_cache/v", "aex/.ruff_cache/x"),
    *(".hypothesis/x", ".git/config", "aex/old.pyc", "aex.egg-info/PKG-INFO", "deep/er/x.egg-info/top_level.txt"),
)


def test_docker_leaves_out_what_the_hash_leaves_out() -> None:
    patterns = {line for line in (APP / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")}
    assert patterns == {f"**/{name}" for name in NEVER_IN_AN_IMAGE} | {f"**/*{ending}" for ending in NEVER_ENDINGS}


@pytest.mark.processes
def test_the_engine_is_sent_exactly_what_the_hash_covers(docker: Docker, tmp_path: Path) -> None:
    context, sent = tmp_path / "context", tmp_path / "sent"
    for name in (*SENT, *LEFT_OUT):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(name)
    (context / ".dockerignore").write_text((APP / ".dockerignore").read_text())
    (context / DOCKERFILE).write_text('FROM scratch\nCOPY . /\nCMD ["/none"]\n')
    docker.run("build", "--tag=context:test", str(context))
    container = docker.run("create", "context:test")
    sent.mkdir()
    export = subprocess.run([CLIENT, "export", container], env=docker.environment, capture_output=True, check=True)
    subprocess.run(["tar", "--extract", "--directory", str(sent)], input=export.stdout, check=True)
    docker.run("rm", container)
    arrived = {name for name in (*SENT, *LEFT_OUT, ".dockerignore", DOCKERFILE) if (sent / name).is_file()}
    assert arrived == {path.relative_to(context).as_posix() for path in files(context)}
    assert arrived == {*SENT, ".dockerignore", DOCKERFILE}


def test_the_base_is_pinned_by_digest_through_one_argument_and_no_frontend_is_fetched() -> None:
    text = (APP / DOCKERFILE).read_text()
    assert len(re.findall(r"^ARG BASE=\S+:\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)) == 1
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}", "scratch"}
    assert "syntax=" not in text and "<<" not in text, "both need a frontend from a hub"


def test_the_installer_is_pinned_as_setup_pins_it() -> None:
    text = (APP / "image" / "uv.txt").read_text()
    assert re.findall(r"^uv==(\S+)", text, re.MULTILINE) == [versions.show(uv.WANTED)]
    assert "--hash=sha256:" in text


def test_the_descriptions_of_the_aws_services_that_are_called_stay() -> None:
    called: set[str] = set()
    for path in (APP / "aex").rglob("*.py"):
        called |= set(re.findall(r"boto3\.(?:client|resource)\(\s*\"([a-z0-9-]+)\"", path.read_text()))
    kept = re.search(r"AWS_SERVICES = frozenset\(\{(.*)\}\)", (APP / "image" / "root.py").read_text())
    assert kept is not None and called
    assert called <= set(re.findall(r'"([a-z0-9-]+)"', kept[1])), "app/image/root.py drops what a service calls"
