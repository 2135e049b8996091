"""The engine as setup provides it: a tiny program through its whole life, and the language host's manners."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
OUR_HOST = (ROOT / ".aex" / "bin" / "pulumi-language-python").exists()
PROJECT = f"""\
name: tiny
runtime:
  name: python
  options:
    virtualenv: {ROOT / ".venv"}
"""
PROGRAM = """\
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Kept(ResourceProvider):
    def create(self, props):
        return CreateResult("kept-1", {"value": props["value"]})

class Thing(Resource):
    value: pulumi.Output[str]
    def __init__(self, name, value):
        super().__init__(Kept(), name, {"value": value})

config = pulumi.Config()
print("the program speaks")
pulumi.export("value", Thing("thing", config.require("value")).value)
pulumi.export("hidden", config.require_secret("hidden"))
"""


class Tiny:
    """A project in a folder of its own, with state, home and stack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir()
        self.write("Pulumi.yaml", PROJECT)
        self.write("__main__.py", PROGRAM)
        self.env = {
            **os.environ,
            "PATH": os.pathsep.join([str(ROOT / ".aex" / "bin"), os.environ["PATH"]]),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.run("stack", "init", "dev")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        child = self.start(*arguments)
        said = child.communicate(timeout=100)[0]
        assert child.returncode == code or (code and child.returncode), said
        return said


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_program_lives_its_whole_life(tiny: Tiny) -> None:
    tiny.run("config", "set", "value", "first")
    tiny.run("config", "set", "--secret", "hidden", "not for logs")
    said = tiny.run("preview", "--json")
    # The stack, the provider of the dynamic resource is implicit.
    assert json.loads(said)["changeSummary"] == {"create": 2}

    said = tiny.run("up", "--yes", "--skip-preview")
    assert "the program speaks" in said
    assert "not for logs" not in said
    assert "warning" not in said
    shown = json.loads(tiny.run("stack", "output", "--json", "--show-secrets"))
    assert shown == {"value": "first", "hidden": "not for logs"}
    assert "not for logs" not in "".join(file.read_text() for file in tiny.folder.glob("state/**/*.json"))

    tiny.run("preview", "--expect-no-changes")
    tiny.run("config", "set", "value", "second")
    tiny.run("preview", "--expect-no-changes", code=1)
    tiny.run("refresh", "--yes", "--skip-preview")
    tiny.run("destroy", "--yes", "--skip-preview")
    assert json.loads(tiny.run("stack", "export"))["deployment"].get("resources", []) == []


def test_a_failing_program_is_reported_once_and_with_its_line(tiny: Tiny) -> None:
    tiny.write("__main__.py", "def broken():\n    raise ValueError('no such shelf')\n\nbroken()\n")
    said = tiny.run("preview", code=1)
    assert "ValueError: no such shelf" in said
    assert "__main__.py" in said and "line 2" in said
    assert "exited with code" not in said


def test_a_program_that_dies_is_reported_with_its_end(tiny: Tiny) -> None:
    tiny.write("__main__.py", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    said = tiny.run("preview", code=1)
    assert not OUR_HOST or "was ended by SIGKILL" in said


def test_a_policy_pack_can_stop_an_update(tiny: Tiny) -> None:
    tiny.run("config", "set", "value", "first")
    tiny.run("config", "set", "hidden", "x", "--secret")
    tiny.write("pack/PulumiPolicy.yaml", f"runtime:\n  name: python\n  options:\n    virtualenv: {ROOT / '.venv'}\n")
    tiny.write(
        "pack/__main__.py",
        "from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy\n"
        "def check(args, report):\n"
        "    if args.props.get('value') == 'first':\n"
        "        report('nothing may be first')\n"
        "PolicyPack('pack', enforcement_level=EnforcementLevel.MANDATORY, policies=[\n"
        "    ResourceValidationPolicy('no-first', 'Nothing is first.', check)])\n",
    )
    said = tiny.run("preview", "--policy-pack", "pack", code=1)
    assert "nothing may be first" in said
    tiny.run("config", "set", "value", "second")
    tiny.run("preview", "--policy-pack", "pack")


def test_the_engine_knows_the_program_s_packages(tiny: Tiny) -> None:
    said = json.loads(tiny.run("about", "--json"))
    plugins = {plugin["name"] for plugin in said["plugins"]}
    assert {"aws", "gcp", "docker", "random"} <= plugins
    assert "policy" not in plugins
    # Of what is installed, `about` shows what nothing else asked for.
    names = {each["name"] for each in said["dependencies"]}
    assert "agent-exchange-platform" in names and "pulumi" not in names


def test_an_interrupted_program_does_not_live_on(tiny: Tiny) -> None:
    mark = tiny.folder / "pid"
    tiny.write("__main__.py", f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)\n")
    child = tiny.start("preview")
    until(lambda: mark.exists() and mark.read_text() != "", 60)
    program = psutil.Process(int(mark.read_text()))
    os.kill(child.pid, signal.SIGINT)
    child.communicate(timeout=60)
    until(lambda: gone(program))


@pytest.mark.skipif(not OUR_HOST, reason="an installed Pulumi has its own language host")
def test_host_and_program_end_with_an_engine_that_is_killed(tiny: Tiny) -> None:
    mark = tiny.folder / "pid"
    tiny.write("__main__.py", f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)\n")
    child = tiny.start("preview")
    until(lambda: mark.exists() and mark.read_text() != "", 60)
    program = psutil.Process(int(mark.read_text()))
    host = program.parent()
    assert host is not None and "host.py" in " ".join(host.cmdline())
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=60)
    until(lambda: gone(program) and gone(host))


@pytest.mark.skipif(not OUR_HOST, reason="an installed Pulumi has its own language host")
def test_the_launcher_says_when_it_is_lost(tmp_path: Path) -> None:
    real = (ROOT / ".aex" / "bin" / "pulumi-language-python").resolve()
    done = subprocess.run([real], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "run 'make setup'" in done.stderr


def test_the_interpreter_of_the_tests_is_the_platforms() -> None:
    assert Path(sys.prefix) == ROOT / ".venv"
