"""The provider protocol in Python: values, the translation of calls, and the life of a plugin's process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from google.protobuf import empty_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2 as wire
from pulumi.runtime.proto import provider_pb2_grpc

from infra.components.protocol import (
    UNKNOWN,
    Change,
    Context,
    Created,
    Failure,
    PlainProperties,
    Provider,
    ProviderError,
    Resource,
    ResourceKind,
    Secret,
    Value,
    compare,
    has_unknown,
    start,
)
from infra.components.protocol.values import decode, encode, mark_secrets, plain

CHECKOUT = Path(__file__).parents[3]
SECRET_ON_WIRE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "s"}
TYPE = "test:index:Box"
URN = "urn:pulumi:dev::project::test:index:Room$test:index:Box::box"

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | st.just(UNKNOWN)
values = st.recursive(
    leaves | st.builds(Secret, leaves),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


class Box(ResourceKind):
    """A kind that fails on request."""

    token = TYPE
    computed = frozenset({"serial", "key"})
    volatile = frozenset({"serial"})
    secret_outputs = frozenset({"key"})
    replace_on = frozenset({"material"})

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def defaults(self, urn: str, inputs: PlainProperties) -> PlainProperties:
        return {"size": 1}

    def check(self, inputs: PlainProperties) -> Iterable[Failure]:
        if inputs["size"] == 0:
            yield Failure("size", "must be positive: set it to 1 or more")

    def create(self, context: Context, inputs: PlainProperties) -> Created:
        if inputs.get("material") == "glass":
            raise ProviderError("glass breaks: take wood")
        if inputs.get("material") == "void":
            raise ZeroDivisionError("surprise")
        if inputs.get("material") == "slow":
            context.cancelled.wait(30)
            raise ProviderError("interrupted")
        return Created("box-1", {**inputs, "serial": 1, "key": "k"})

    def read(self, context: Context, resource: Resource) -> PlainProperties | None:
        return None if resource.id == "lost" else resource.outputs

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        return {**inputs, "serial": 2, "key": "k"}

    def delete(self, context: Context, resource: Resource) -> None:
        self.deleted.append(resource.id)


@pytest.fixture
def engine() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The engine's side of a provider that has boxes and one function."""
    provider = Provider("test", "1.2.3", [Box()], {"test:index:double": lambda args: {"twice": args["number"]}})
    server, _, port = start(provider, workers=4)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(0)


def _wire(**properties: Value):
    return encode(properties)


class TestValues:
    @given(st.dictionaries(texts, values, max_size=4))
    def test_what_is_encoded_is_decoded(self, properties: dict[str, Value]):
        assert decode(encode(properties)) == properties

    def test_the_protocols_own_forms(self):
        raw = encode({})
        raw.update(
            {
                "secret": SECRET_ON_WIRE,
                "unknown": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
                "output": {
                    "4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4",
                    "value": "v",
                    "secret": True,
                },
                "pending": {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4"},
                "resource": {
                    "4dabf18193072939515e22adb298388d": "5cf8f73096256a8f31e491e813e4eb8e",
                    "urn": URN,
                    "id": "i-1",
                },
            }
        )
        assert decode(raw) == {
            "secret": Secret("s"),
            "unknown": UNKNOWN,
            "output": Secret("v"),
            "pending": UNKNOWN,
            "resource": "i-1",
        }

    def test_a_secret_never_prints_itself(self):
        assert "hunter2" not in repr(Secret("hunter2")) + str([Secret("hunter2")])

    def test_unknowns_are_found_at_any_depth(self):
        assert has_unknown({"a": [Secret({"b": UNKNOWN})]})
        assert not has_unknown({"a": [Secret({"b": 1})]})

    def test_secrets_are_marked_where_the_inputs_had_them(self):
        like: dict[str, Value] = {"whole": Secret("x"), "nested": {"in": Secret(1), "out": 2}, "list": [Secret(1), 2]}
        marked = mark_secrets(
            {"whole": "y", "nested": {"in": 3, "out": 4}, "list": [5], "key": "k", "free": 6}, like, frozenset({"key"})
        )
        assert marked == {
            "whole": Secret("y"),
            "nested": {"in": Secret(3), "out": 4},
            "list": Secret([5]),
            "key": Secret("k"),
            "free": 6,
        }
        assert plain(marked) == {"whole": "y", "nested": {"in": 3, "out": 4}, "list": [5], "key": "k", "free": 6}

    def test_differences_are_found_by_path(self):
        change = compare(
            {"a": 1, "e": {"X": 1, "Y": 1, "a-b": 1}, "gone": 1}, {"a": 1, "e": {"X": 2, "Z": 1, "a-b": 2}}
        )
        assert change == Change(
            added=frozenset({"e.Z"}), updated=frozenset({"e.X", 'e["a-b"]'}), deleted=frozenset({"e.Y", "gone"})
        )
        assert not compare({"a": {}}, {"a": {}})
        assert compare({"a": {"b": 1}}, {"a": {}}, frozenset({"a"})).replaced == {"a.b", "a"}


class TestCalls:
    def test_check_fills_defaults_keeps_secrets_and_reports_failures(
        self, engine: provider_pb2_grpc.ResourceProviderStub
    ):
        checked = engine.Check(wire.CheckRequest(urn=URN, type=TYPE, news=_wire(label=Secret("s"))))
        assert decode(checked.inputs) == {"size": 1, "label": Secret("s")}
        refused = engine.Check(wire.CheckRequest(urn=URN, type=TYPE, news=_wire(size=0)))
        assert [(f.property, f.reason) for f in refused.failures] == [("size", "must be positive: set it to 1 or more")]

    def test_an_older_engine_names_the_type_in_the_urn_only(self, engine: provider_pb2_grpc.ResourceProviderStub):
        assert decode(engine.Check(wire.CheckRequest(urn=URN, news=_wire())).inputs) == {"size": 1}

    def test_create_marks_secrets_and_a_preview_creates_nothing(self, engine: provider_pb2_grpc.ResourceProviderStub):
        request = wire.CreateRequest(urn=URN, type=TYPE, properties=_wire(size=1, label=Secret("s")))
        created = engine.Create(request)
        assert created.id == "box-1"
        assert decode(created.properties) == {"size": 1, "label": Secret("s"), "serial": 1, "key": Secret("k")}
        request.preview = True
        preview = engine.Create(request)
        assert preview.id == ""
        assert decode(preview.properties) == {
            "size": 1,
            "label": Secret("s"),
            "serial": UNKNOWN,
            "key": Secret(UNKNOWN),
        }

    def test_update_and_its_preview(self, engine: provider_pb2_grpc.ResourceProviderStub):
        olds = _wire(size=1, serial=1, key=Secret("k"))
        request = wire.UpdateRequest(urn=URN, type=TYPE, id="box-1", olds=olds, news=_wire(size=2), preview=True)
        assert decode(engine.Update(request).properties) == {"size": 2, "serial": UNKNOWN, "key": Secret("k")}
        request.preview = False
        assert decode(engine.Update(request).properties) == {"size": 2, "serial": 2, "key": Secret("k")}

    def test_diff_says_what_changes_and_what_needs_a_new_one(self, engine: provider_pb2_grpc.ResourceProviderStub):
        old = _wire(size=1, material="wood", env={"A": "1"})
        same = engine.Diff(wire.DiffRequest(urn=URN, type=TYPE, id="box-1", old_inputs=old, olds=old, news=old))
        assert same.changes == wire.DiffResponse.DIFF_NONE
        new = _wire(size=1, material="iron", env={"A": "2"})
        changed = engine.Diff(wire.DiffRequest(urn=URN, type=TYPE, id="box-1", old_inputs=old, olds=old, news=new))
        assert changed.changes == wire.DiffResponse.DIFF_SOME
        assert list(changed.replaces) == ["material"]
        assert list(changed.diffs) == ["env", "material"]
        assert {path: item.kind for path, item in changed.detailedDiff.items()} == {
            "env.A": wire.PropertyDiff.UPDATE,
            "material": wire.PropertyDiff.UPDATE_REPLACE,
        }

    def test_a_lost_resource_reads_as_nothing(self, engine: provider_pb2_grpc.ResourceProviderStub):
        assert engine.Read(wire.ReadRequest(urn=URN, type=TYPE, id="lost", properties=_wire(size=1))).id == ""
        found = engine.Read(
            wire.ReadRequest(urn=URN, type=TYPE, id="box-1", properties=_wire(size=1, key="k"), inputs=_wire(size=1))
        )
        assert (found.id, decode(found.properties)) == ("box-1", {"size": 1, "key": Secret("k")})
        assert decode(found.inputs) == {"size": 1}

    def test_invoke(self, engine: provider_pb2_grpc.ResourceProviderStub):
        response = engine.Invoke(wire.InvokeRequest(tok="test:index:double", args=_wire(number=4)))
        assert decode(getattr(response, "return")) == {"twice": 4}

    def test_errors_for_people_are_bare_and_defects_are_told_apart(
        self, engine: provider_pb2_grpc.ResourceProviderStub
    ):
        with pytest.raises(grpc.RpcError) as caught:
            engine.Create(wire.CreateRequest(urn=URN, type=TYPE, properties=_wire(material="glass")))
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.details() == "glass breaks: take wood"
        with pytest.raises(grpc.RpcError, match=r"defect in a provider(.|\n)*ZeroDivisionError: surprise"):
            engine.Create(wire.CreateRequest(urn=URN, type=TYPE, properties=_wire(material="void")))
        with pytest.raises(grpc.RpcError, match="no resource type 'test:index:Bag', only test:index:Box"):
            engine.Create(wire.CreateRequest(urn=URN, type="test:index:Bag"))

    def test_cancel_ends_what_waits(self, engine: provider_pb2_grpc.ResourceProviderStub):
        call = engine.Create.future(wire.CreateRequest(urn=URN, type=TYPE, properties=_wire(material="slow")))
        engine.Cancel(empty_pb2.Empty())
        begun = time.monotonic()
        assert isinstance(error := call.exception(), grpc.RpcError) and "interrupted" in str(error)
        assert time.monotonic() - begun < 5

    def test_features_are_announced(self, engine: provider_pb2_grpc.ResourceProviderStub):
        assert engine.Handshake(wire.ProviderHandshakeRequest()).accept_secrets
        configured = engine.Configure(wire.ConfigureRequest(args=_wire()))
        assert configured.acceptSecrets and configured.supportsPreview
        assert engine.GetPluginInfo(empty_pb2.Empty()).version == "1.2.3"


PLUGIN = """
import sys
from infra.components.protocol import Provider, serve
serve(Provider("test", "1.0.0", []))
"""


class TestProcess:
    def test_a_plugin_leaves_with_its_engine(self):
        """The parent stands in for the engine; it is killed, as a closed terminal does."""
        script = (
            "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE);"
            "print(p.pid, int(p.stdout.readline()), flush=True); p.wait()"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", script, PLUGIN], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
        )
        assert parent.stdout is not None
        plugin, port = (int(word) for word in parent.stdout.readline().split())
        assert port > 0
        os.kill(plugin, signal.SIGINT)
        time.sleep(0.3)
        os.kill(plugin, 0)  # Ctrl-C is the engine's business: the plugin still serves
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 10
        while _runs(plugin) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(plugin)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
