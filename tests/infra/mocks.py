"""Runs a Pulumi program against mocks that are as strict as the real thing, and stricter.

A run fails for: an argument that the SDK does not know, lacks or would not accept, at any depth; two resources with one
URN; a custom resource without a component above it; a component that never registers its outputs; a decision taken on a
value that is not known yet (`if output`, `output == x`, `f"{output}"`), or resources that appear only once such values
are known; a secret in plain text in any input; a function call that the test gives no answer to.

    resources = declared(lambda: MyComponent("x"), stack="staging")
    assert resources.one("aws:ecs/service:Service").inputs["desiredCount"] == 2
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi import _types as sdk
from pulumi.runtime import mocks, settings
from pulumi.runtime import stack as runtime_stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.proto import resource_pb2

from tests.infra import arguments
from tests.infra.secrets_in_inputs import SECRET_MARK, exposed, made_secret, plain, secret_paths

_STACK_TYPE = "pulumi:pulumi:Stack"

Outputs = Callable[["Resource"], Mapping[str, Any]]
Answers = Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]


class StrictError(AssertionError):
    """Everything that was wrong with a run."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One registered resource; inputs are camelCase with secrets unwrapped, `secrets` the paths that were secret."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: Mapping[str, Any]
    secrets: frozenset[str]
    options: resource_pb2.RegisterResourceRequest
    """The whole request, for what else was asked for: protect, dependencies, ignoreChanges, customTimeouts, ..."""


@dataclass(slots=True)
class Run:
    """What a program declared."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def of(self, token: str) -> list[Resource]:
        """All resources of a type, in order of registration."""
        return [resource for resource in self.resources if resource.type == token]

    def one(self, token: str, name: str | None = None) -> Resource:
        """The only resource of a type, or the one called `name`."""
        found = [resource for resource in self.of(token) if name is None or resource.name == name]
        assert len(found) == 1, f"{len(found)} of {token}: {[resource.name for resource in self.of(token)]}"
        return found[0]

    def inventory(self) -> dict[str, int]:
        """Type -> how many, of custom resources, sorted."""
        return dict(sorted(Counter(resource.type for resource in self.resources if resource.custom).items()))


def declared(
    program: Callable[[], object],
    *,
    stack: str = "staging",
    config: Mapping[str, str] | None = None,
    outputs: Outputs | None = None,
    answers: Answers | None = None,
) -> Run:
    """What `program` declares, after a preview and an update in which nothing was wrong; StrictError otherwise.

    `outputs` gives a resource's outputs beyond the ones that are made up, `answers` the results of function calls by
    token. `config` has full keys.
    """
    preview = run(program, stack=stack, config=config, outputs=outputs, answers=answers, preview=True)
    update = run(program, stack=stack, config=config, outputs=outputs, answers=answers, preview=False)
    seen, made = ({resource.urn for resource in each.resources} for each in (preview, update))
    late = [f"{urn} is declared only once values are known: a preview would not show it" for urn in sorted(made - seen)]
    lost = [f"{urn} is declared only while values are unknown" for urn in sorted(seen - made)]
    problems = list(dict.fromkeys([*preview.problems, *update.problems, *late, *lost]))
    if problems:
        raise StrictError("\n".join(["", *(f"  - {problem}" for problem in problems)]))
    return update


def run(
    program: Callable[[], object],
    *,
    stack: str,
    config: Mapping[str, str] | None = None,
    outputs: Outputs | None = None,
    answers: Answers | None = None,
    preview: bool,
) -> Run:
    """One run, with what was wrong in `problems`. An exception of the program is a problem too."""
    monitor = _Monitor(outputs or (lambda _: {}), answers or {}, preview=preview)
    configured = mocks.MockSettings(
        monitor=monitor,
        monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
        engine=mocks.MockEngine(None),
        project="agent-exchange",
        stack=stack,
        dry_run=preview,
        organization="organization",
        callbacks=None,
    )
    settings.configure(configured)
    settings.set_root_resource(None)  # pyright: ignore[reportArgumentType]  (how the SDK itself starts anew)
    set_all_config(dict(config or {}))
    try:
        with _no_decisions():
            asyncio.run(runtime_stack.run_in_stack(lambda: _nothing(program())))
    except Exception as error:
        monitor.result.problems.append(f"the program failed: {type(error).__name__}: {error}")
    finally:
        _forget_unfinished()
    monitor.finish()
    return monitor.result


def _forget_unfinished() -> None:
    """What a failed program leaves behind belongs to an event loop that is closed; the failure itself is noted."""
    unfinished: Any = settings.SETTINGS
    for task in unfinished.outputs:
        if task.done() and not task.cancelled():
            task.exception()
    unfinished.outputs.clear()


def _nothing(_: object) -> None:
    """Programs are called for what they declare."""


@contextmanager
def _no_decisions() -> Iterator[None]:
    """While a program runs, taking a decision on an output is an error instead of a silent `True` or `False`."""

    def truth(_: object) -> bool:
        raise TypeError("a decision is taken on an output, which is not known yet: use apply, or plain data")

    def equal(self: object, other: object) -> bool:
        if isinstance(other, pulumi.Output):
            return self is other
        raise TypeError(f"an output is compared with {other!r}, which is always False: use apply, or plain data")

    # `__eq__` on a class of its own would drop the hash; put on an existing class it does not.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_ERROR_OUTPUT_STRING", "true")
        patch.setattr(pulumi.Output, "__bool__", truth, raising=False)
        patch.setattr(pulumi.Output, "__eq__", equal)
        # Unit tests ask no registry; `tests/engine` does.
        patch.setattr("infra.components.pushed.LookUp.digest_of", lambda self, image: None)
        yield


_STATE = "pulumi:pulumi:readStackResourceOutputs"
"""The engine's own function: what is in the state, which is nothing unless a test says so."""


class _Monitor(mocks.MockMonitor):
    """Answers the SDK like an engine, and writes down what a real one, or a reviewer, would object to."""

    def __init__(self, outputs: Outputs, answers: Answers, *, preview: bool) -> None:
        super().__init__(_NoMocks())
        self.result = Run()
        self._outputs, self._answers, self._preview = outputs, answers, preview
        self._lock = threading.Lock()
        self._urns: set[str] = set()
        self._open: set[str] = set()

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn("" if request.parent.endswith(_STACK_TYPE) else request.parent, request.type, request.name)
        if request.type == _STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        raw = json_format.MessageToDict(request.object)
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=bool(request.custom),
            inputs=plain(raw),
            secrets=frozenset(path for path, _ in secret_paths("", raw)),
            options=request,
        )
        with self._lock:
            before = len(self.result.problems)
            self._judge(resource, raw)
            sound = len(self.result.problems) == before
            self.result.resources.append(resource)
        state: dict[str, Any] = {}
        if resource.custom:
            # Wrong arguments are not echoed: the SDK would fail on them before the rest of the program is seen.
            state = {**(raw if sound else {}), **({} if self._preview else self._made_up(resource, request))}
        identifier = "" if self._preview or not resource.custom else f"{request.name}-id"
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=_struct(state))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        with self._lock:
            self._open.discard(request.urn)
            if f"::{_STACK_TYPE}::" in request.urn:
                self.result.outputs = plain(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:
        answer = self._answers.get(request.tok)
        if answer is None and request.tok == _STATE:
            return _returned({"outputs": {}})
        if answer is None:
            with self._lock:
                self.result.problems.append(f"function {request.tok} is called, and the test gives no answer to it")
            return _returned({})
        return _returned(answer(plain(json_format.MessageToDict(request.args))))

    def ReadResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        answer = self._answers.get(request.type, lambda _: {})
        asked = json_format.MessageToDict(request.properties)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=_struct({**asked, **answer(plain(asked))}))

    def finish(self) -> None:
        """The run is over: who has not finished its own registration never will."""
        self.result.problems += [f"{urn} never calls register_outputs" for urn in sorted(self._open)]

    def _judge(self, resource: Resource, raw: Mapping[str, Any]) -> None:
        note = self.result.problems.append
        if resource.urn in self._urns:
            note(f"{resource.urn} is declared twice")
        self._urns.add(resource.urn)
        if not resource.custom:
            self._open.add(resource.urn)
            return
        top = not resource.parent or f"::{_STACK_TYPE}::" in resource.parent
        if top and not resource.type.startswith("pulumi:providers:"):
            note(f"{resource.urn} has no parent: give it ResourceOptions(parent=...) of the component that owns it")
        for problem in arguments.problems(resource.type, resource.inputs):
            note(f"{resource.urn}: {problem}")
        for path, problem in exposed("", raw):
            note(f"{resource.urn}: {path} {problem}")

    def _made_up(self, resource: Resource, request: Any) -> dict[str, Any]:
        """Outputs: what the test gives, otherwise a recognisable text for each output that is a text."""
        described = arguments.resource_class(resource.type)
        kinds = sdk.resource_types(described) if described else {}
        made: dict[str, Any] = {}
        for name, kind in kinds.items():
            if name not in resource.inputs and sdk.unwrap_type(kind) is str:
                made[name] = f"{resource.name}.{name}"
                if name.lower().endswith("arn"):
                    made[name] = (
                        f"arn:aws:{resource.type.split(':')[1].split('/')[0]}:us-east-1:123456789012:{resource.name}"
                    )
        for name in request.additionalSecretOutputs:
            made[name] = made_secret(f"{SECRET_MARK}{resource.name}.{name}")
        return {**made, **self._outputs(resource)}


class _NoMocks(mocks.Mocks):
    """Never asked: the monitor above answers everything itself."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError(args.typ)


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _returned(values: Mapping[str, Any]) -> Any:
    fields: dict[str, Any] = {"return": _struct(values)}
    return resource_pb2.ResourceInvokeResponse(**fields)
