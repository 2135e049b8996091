"""The local stack under the real engine while it comes and goes: interruptions, taken ports, destroy."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from infra.local.locks import remove_stale
from tests.engine.workshop import Workshop, words

pytestmark = [pytest.mark.engine, pytest.mark.processes, pytest.mark.xdist_group("local-interruptions")]

SLOW = "import time\ntime.sleep(8)\n"


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [
        pytest.param(signal.SIGINT, True, id="ctrl-c"),
        pytest.param(signal.SIGHUP, True, id="closed-terminal"),
        pytest.param(signal.SIGKILL, False, id="power-cut"),
    ],
)
def test_an_interrupted_up_leaves_what_the_next_one_completes(
    bare: Workshop, number: signal.Signals, whole_group: bool
):
    # Seven services wait for this one, directly or not, so the interruption is in the middle of things.
    bare.edit("app/aex/provider_registry/__init__.py", SLOW)
    process = bare.start("up", "--yes", "--skip-preview")
    wait_for(bare.folder / "run" / "aex-provider-registry.json")
    wait_for(bare.folder / "run" / "aex-identity.json")
    begun = time.monotonic()
    (os.killpg if whole_group else os.kill)(process.pid, number)
    said = process.communicate(timeout=60)[0]
    assert process.returncode != 0, said
    assert time.monotonic() - begun < 7, "it does not wait for the start that it has interrupted"
    _settle(bare)
    assert not [identity for identity in bare.processes() if "aex-provider-registry" in identity.command]
    assert "aex-provider-registry" not in bare.pids()
    survivors = bare.pids()

    bare.edit("app/aex/provider_registry/__init__.py", "")
    assert bool(remove_stale(bare.root / ".aex" / "state")) == (number != signal.SIGINT)
    bare.up()
    assert len(bare.listening()) == 10
    assert survivors.items() <= bare.pids().items(), "what was up stays up"
    assert bare.preview() == {}
    bare.destroy()
    assert bare.listening() == [] and bare.processes() == []


def _settle(workshop: Workshop) -> None:
    """Wait until everything but services and their pumps has ended: the plugin undoes what it was at."""
    deadline = time.monotonic() + 20
    while [i for i in workshop.processes() if "-m" in i.command and "infra.local.plugin" in i.command]:
        assert time.monotonic() < deadline, "the plugin outlives its engine"
        time.sleep(0.05)


def test_a_taken_port_is_explained_then_destroy_leaves_nothing_but_data(bare: Workshop):
    with socket.socket() as other:
        other.bind(("127.0.0.1", bare.ports["aex-settlement"]))
        other.listen()
        said = words(bare.up(fails=True))
        assert f"aex-settlement needs port {bare.ports['aex-settlement']} of 127.0.0.1" in said
        assert f"process {os.getpid()} (" in said
        assert "pulumi config set --path agent-exchange:local.basePort" in said
    bare.up()
    key = bare.outputs()["apiKey"]
    database = bare.folder / "data" / "aex-settlement.sqlite3"
    database.parent.mkdir(exist_ok=True)
    database.write_text("precious")

    bare.destroy()
    assert bare.listening() == [] and bare.processes() == []
    assert database.read_text() == "precious"
    assert "Resources: 0" in words(bare.destroy()) or "no resources" in words(bare.destroy()).lower()

    bare.set("keepData", "false")
    bare.up()
    assert bare.outputs()["apiKey"] == key, "kept data needs the secrets that it was written with"
    bare.destroy()
    assert bare.listening() == [] and bare.processes() == []
    assert not bare.folder.exists()
