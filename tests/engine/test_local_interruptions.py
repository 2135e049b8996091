"""The local stack under the real engine while it comes and goes: interruptions, taken ports, destroy."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest

from infra.local.locks import remove_stale
from tests.engine.runner import wait_until, words
from tests.engine.workshop import Workshop

pytestmark = [
    pytest.mark.engine,
    pytest.mark.processes,
    pytest.mark.timeout(300),
]

SLOW = "import time\ntime.sleep(25)\n"


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
    wait_until((bare.folder / "run" / "aex-provider-registry.json").exists, 60)
    wait_until(lambda: "aex-identity" in bare.pids(), 60)
    begun = time.monotonic()
    (os.killpg if whole_group else os.kill)(process.pid, number)
    said = process.communicate(timeout=60)[0]
    assert process.returncode != 0, said
    assert time.monotonic() - begun < 20, "it does not wait for the start that it has interrupted"
    # The plugin undoes what it was at even when its engine is gone.
    wait_until(lambda: not [i for i in bare.processes() if "infra.local.plugin" in i.command])
    assert not [identity for identity in bare.processes() if "aex-provider-registry" in identity.command]
    assert "aex-provider-registry" not in bare.pids()
    survivors = bare.pids()

    bare.edit("app/aex/provider_registry/__init__.py", "")
    assert not [*(bare.root / ".aex" / "state").rglob("*.attrs")], "a kill may leave one empty: nothing would load"
    assert bool(remove_stale(bare.root / ".aex" / "state")) == (number != signal.SIGINT)
    bare.up()
    assert len(bare.listening()) == 10
    assert survivors.items() <= bare.pids().items(), "what was up stays up"
    if number == signal.SIGKILL:
        assert bare.preview() == {}


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
    database.write_text("precious")

    bare.destroy()
    assert bare.listening() == [] and bare.processes() == []
    assert database.read_text() == "precious"
    assert "Resources: Duration:" in words(bare.destroy()), "a second one has nothing to do"

    bare.set("local", "keepData", False)
    bare.up()
    assert bare.outputs()["apiKey"] == key, "kept data needs the secrets that it was written with"
    bare.destroy()
    assert bare.listening() == [] and bare.processes() == []
    assert not bare.folder.exists()
