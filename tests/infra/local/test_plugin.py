"""The provider `aex`: its kinds with real processes, and its executable as the engine starts it."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pulumi.runtime.proto import provider_pb2 as wire
from pulumi.runtime.proto import provider_pb2_grpc

from infra.components.protocol import Context, Plain, PlainProperties, ProviderError, Resource, ResourceKind
from infra.components.protocol.values import Secret, decode, encode
from infra.local import ports
from infra.local.plugin import folder as folder_module
from infra.local.plugin.folder import FolderKind
from infra.local.plugin.process import ProcessKind
from infra.local.plugin.secrets import SecretKind, SigningKeyKind
from infra.local.records import CHECKOUT
from tests.infra.local.conftest import MakeSpec

EXECUTABLE = CHECKOUT / "infra" / "local" / "plugin" / "pulumi-resource-aex"
URN = "urn:pulumi:dev::agent-exchange::aex:local:Process::little"


def process_inputs(make_spec: MakeSpec, mode: str = "plain", **changes: object) -> PlainProperties:
    spec = make_spec(mode, **changes)
    return {
        "name": spec.name,
        "command": list(spec.command),
        "directory": str(spec.directory),
        "environment": dict(spec.environment),
        "host": spec.host,
        "port": spec.port,
        "healthPath": spec.health_path,
        "folder": str(spec.folder),
        "code": spec.code,
        "startTimeout": spec.start_timeout,
        "stopTimeout": spec.stop_timeout,
    }


@pytest.mark.processes
class TestProcess:
    def test_the_whole_life(self, make_spec: MakeSpec):
        kind, inputs = ProcessKind(), process_inputs(make_spec)
        created = kind.create(Context(), inputs)
        resource = Resource(URN, created.id, inputs, created.outputs)
        assert set(created.outputs) == set(inputs) | kind.computed
        assert not kind.diff(resource, inputs)
        assert kind.read(Context(), resource) == created.outputs

        changed: PlainProperties = {**inputs, "environment": {"COLOUR": "blue"}}
        assert kind.diff(resource, changed).updated == {"environment.COLOUR"}
        outputs = kind.update(Context(), resource, changed)
        assert outputs["pid"] != created.outputs["pid"]
        resource = Resource(URN, created.id, changed, outputs)
        assert not kind.diff(resource, changed)

        os.kill(int(str(outputs["pid"])), signal.SIGKILL)
        deadline = time.monotonic() + 5
        while kind.read(Context(), resource) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert kind.read(Context(), resource) is None
        assert kind.diff(resource, changed).drifted == {"status"}
        outputs = kind.update(Context(), resource, changed)
        kind.delete(Context(), Resource(URN, created.id, changed, outputs))
        assert ports.is_free("127.0.0.1", int(str(inputs["port"])))
        kind.delete(Context(), Resource(URN, created.id, changed, outputs))

    def test_a_failed_restart_says_why_and_the_next_one_repairs(self, make_spec: MakeSpec):
        kind, inputs = ProcessKind(), process_inputs(make_spec)
        created = kind.create(Context(), inputs)
        resource = Resource(URN, created.id, inputs, created.outputs)
        broken = process_inputs(make_spec, "crash", port=inputs["port"])
        with pytest.raises(ProviderError, match="the database password is missing"):
            kind.update(Context(), resource, broken)
        assert kind.diff(resource, inputs).drifted == {"status"}
        assert kind.update(Context(), resource, inputs)["status"] == "running"

    @pytest.mark.parametrize("copied", [False, True])
    def test_a_removed_folder_loses_no_process_and_a_copied_state_takes_none(
        self, make_spec: MakeSpec, folder: Path, copied: bool
    ):
        kind, inputs = ProcessKind(), process_inputs(make_spec)
        created = kind.create(Context(), inputs)
        shutil.rmtree(folder)
        outputs = {**created.outputs, "checkout": "/another/checkout"} if copied else created.outputs
        resource = Resource(URN, created.id, inputs, outputs)
        assert kind.diff(resource, inputs).drifted == {"status"}
        if copied:
            with pytest.raises(ProviderError, match="listens there"):
                kind.update(Context(), resource, inputs)
        else:
            outputs = kind.update(Context(), resource, inputs)
            assert outputs["pid"] != created.outputs["pid"]
            resource = Resource(URN, created.id, inputs, outputs)
            shutil.rmtree(folder)
        kind.delete(Context(), resource)
        assert ports.is_free("127.0.0.1", int(str(inputs["port"]))) is not copied
        if copied:
            os.kill(int(str(created.outputs["pid"])), signal.SIGKILL)

    def test_bad_inputs_are_refused(self):
        bad: PlainProperties = {"name": "A B", "port": 80, "command": [], "directory": "app", "folder": ".aex"}
        assert {failure.property for failure in ProcessKind().check(bad)} == set(bad)


class TestFolder:
    def inputs(self, path: Path, *, keep: bool = True, owner: str = "agent-exchange/dev") -> PlainProperties:
        return {"path": str(path), "owner": owner, "keep": keep}

    @pytest.mark.parametrize("keep", [True, False])
    def test_data_is_kept_unless_asked(self, tmp_path: Path, keep: bool):
        kind, inputs = FolderKind(), self.inputs(tmp_path / "stack", keep=keep)
        created = kind.create(Context(), inputs)
        assert (tmp_path / "stack").stat().st_mode & 0o077 == 0
        (tmp_path / "stack" / "data" / "x.sqlite3").write_text("rows")
        kind.delete(Context(), Resource(URN, created.id, inputs, created.outputs))
        assert (tmp_path / "stack" / "data" / "x.sqlite3").exists() is keep
        assert not list(kind.check(inputs)), "the next stack may use what was kept"

    def test_a_removed_folder_is_seen(self, tmp_path: Path):
        kind, inputs = FolderKind(), self.inputs(tmp_path / "stack")
        created = kind.create(Context(), inputs)
        resource = Resource(URN, created.id, inputs, created.outputs)
        assert not kind.diff(resource, inputs)
        shutil.rmtree(tmp_path / "stack")
        assert kind.read(Context(), resource) is None
        assert kind.diff(resource, inputs).drifted == {"path"}
        kind.update(Context(), resource, inputs)
        assert not kind.diff(resource, inputs)

    def test_other_peoples_files_and_other_stacks_are_left_alone(self, tmp_path: Path):
        kind = FolderKind()
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "thesis.txt").write_text("years of work")
        (failure,) = kind.check(self.inputs(tmp_path / "home"))
        assert "holds other files" in failure.reason and "agent-exchange:local.directory" in failure.reason
        kind.create(Context(), self.inputs(tmp_path / "stack"))
        (failure,) = kind.check(self.inputs(tmp_path / "stack", owner="agent-exchange/other"))
        assert "belongs to stack agent-exchange/dev" in failure.reason

    def test_a_copied_checkout_never_removes_the_originals_data(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        kind, inputs = FolderKind(), self.inputs(tmp_path / "stack", keep=False)
        created = kind.create(Context(), inputs)
        with monkeypatch.context() as patch:
            patch.setattr(folder_module, "CHECKOUT", tmp_path / "copy")
            kind.delete(Context(), Resource(URN, created.id, inputs, created.outputs))
        assert (tmp_path / "stack").exists()


class TestSecrets:
    def inputs(self, tmp_path: Path, **changes: Plain) -> PlainProperties:
        return {"file": str(tmp_path / "s" / "x.json"), "rotation": 1, "prefix": "aexk_", "bytes": 32, **changes}

    def test_a_value_is_made_once_and_kept_with_the_data(self, tmp_path: Path):
        kind, inputs = SecretKind(), self.inputs(tmp_path)
        first = kind.create(Context(), inputs).outputs["value"]
        assert isinstance(first, str) and first.startswith("aexk_") and len(first) == 5 + 64
        assert (tmp_path / "s" / "x.json").stat().st_mode & 0o077 == 0
        assert kind.create(Context(), inputs).outputs["value"] == first
        (tmp_path / "s" / "x.json").write_text("garbage")
        assert kind.create(Context(), inputs).outputs["value"] != first

    def test_a_rotation_keeps_the_version_before_and_can_be_taken_back(self, tmp_path: Path):
        kind = SecretKind()
        created = kind.create(Context(), self.inputs(tmp_path))
        outputs, values = created.outputs, {1: created.outputs["value"]}
        assert outputs["versions"] == f"1:{values[1]}"
        for rotation, expected in ((2, [2, 1]), (3, [3, 2]), (2, [2, 3])):
            resource = Resource(URN, created.id, self.inputs(tmp_path), outputs)
            wanted = self.inputs(tmp_path, rotation=rotation)
            assert not kind.diff(resource, wanted).replaced
            outputs = kind.update(Context(), resource, wanted)
            assert values.setdefault(rotation, outputs["value"]) == outputs["value"]
            assert outputs["versions"] == ",".join(f"{version}:{values[version]}" for version in expected)
            again = kind.create(Context(), wanted).outputs
            assert again == outputs, "the next stack in this folder has the same versions"
        assert len(set(map(str, values.values()))) == 3

    @pytest.mark.parametrize("kind", [SecretKind(), SigningKeyKind()])
    def test_a_moved_folder_changes_no_value(self, tmp_path: Path, kind: ResourceKind):
        created = kind.create(Context(), self.inputs(tmp_path))
        resource = Resource(URN, created.id, self.inputs(tmp_path), created.outputs)
        moved = self.inputs(tmp_path, file=str(tmp_path / "elsewhere" / "x.json"))
        assert not kind.diff(resource, moved).replaced
        assert kind.update(Context(), resource, moved) == {**created.outputs, **moved}
        assert kind.create(Context(), moved).outputs == {**created.outputs, **moved}

    def test_short_secrets_are_refused(self):
        assert [failure.property for failure in SecretKind().check({"bytes": 8})] == ["bytes"]

    def test_the_public_key_verifies_what_the_seed_signs(self, tmp_path: Path):
        outputs = SigningKeyKind().create(Context(), {"file": str(tmp_path / "k.json")}).outputs
        seed, public = (base64.b64decode(str(outputs[key])) for key in ("seed", "publicKey"))
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(b"message")
        Ed25519PublicKey.from_public_bytes(public).verify(signature, b"message")


@pytest.fixture
def plugin() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The executable, started as the engine starts it: from another folder, with the engine's address."""
    process = subprocess.Popen([EXECUTABLE, "127.0.0.1:1"], stdout=subprocess.PIPE, cwd="/")
    assert process.stdout is not None
    try:
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


@pytest.mark.processes
def test_what_the_plugin_starts_outlives_it(plugin: provider_pb2_grpc.ResourceProviderStub, make_spec: MakeSpec):
    inputs = encode(process_inputs(make_spec))
    inputs.update({"environment": encode({"COLOUR": Secret("red")})})
    checked = plugin.Check(wire.CheckRequest(urn=URN, type="aex:local:Process", news=inputs))
    assert not checked.failures
    created = plugin.Create(wire.CreateRequest(urn=URN, type="aex:local:Process", properties=checked.inputs))
    outputs = decode(created.properties)
    assert outputs["environment"] == {"COLOUR": Secret("red")}
    assert os.getsid(int(str(outputs["pid"]))) != os.getsid(0)


def test_the_executable_says_what_is_missing(tmp_path: Path):
    copy = tmp_path / "infra" / "local" / "plugin" / EXECUTABLE.name
    copy.parent.mkdir(parents=True)
    shutil.copy(EXECUTABLE, copy)
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "dirname"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    done = subprocess.run([copy], env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run 'make setup'" in done.stderr
