"""What these tests need and a machine lacks is said by name."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.image import docker
from tests.image.docker import Missing


def test_an_own_engine_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Missing, match="needs root"):
        docker.install()


def test_without_debians_packages_their_names_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(Missing, match=r"needs docker-registry, docker\.io, mmdebstrap, skopeo"):
        docker.install()


def test_what_apt_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: program if program == "apt-get" else None)
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, int("install" in command), "", "no such package")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(Missing, match=r"(?s)apt-get install .*no such package"):
        docker.install()
    assert ran[1][-4:] == ["docker-registry", "docker.io", "mmdebstrap", "skopeo"]
