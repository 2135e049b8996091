"""The engine's calls, translated for a `Provider`: protobuf in, resource kinds in the middle, protobuf out.

Owns the protocol (which flags are announced, what an error looks like, how a diff is reported). Does not own any
resource. Every call runs in a thread of the gRPC server's pool, so kinds may block.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from infra.components.protocol.kinds import Change, Context, Failure, Provider, ProviderError, Resource
from infra.components.protocol.values import (
    PlainProperties,
    Properties,
    decode,
    encode,
    mark_secrets,
    plain_properties,
)

_Response = TypeVar("_Response")
_Arguments = ParamSpec("_Arguments")
_Kind = provider_pb2.PropertyDiff


def _readable(call: Callable[_Arguments, _Response]) -> Callable[_Arguments, _Response]:
    """A ProviderError reaches the user as its bare text, anything else as a defect with its traceback."""

    @wraps(call)
    def guarded(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Response:
        try:
            return call(*args, **kwargs)
        except ProviderError as error:
            _abort(args, grpc.StatusCode.UNKNOWN, str(error))
        except Exception:
            _abort(args, grpc.StatusCode.INTERNAL, f"defect in a provider; please report it\n{traceback.format_exc()}")

    return guarded


def _abort(arguments: Iterable[object], code: grpc.StatusCode, text: str) -> NoReturn:
    # gRPC calls every method with the request and its context.
    context = next(argument for argument in arguments if isinstance(argument, grpc.ServicerContext))
    context.abort(code, text)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider behind Pulumi's ResourceProvider service."""

    def __init__(self, provider: Provider) -> None:
        """Serve that provider to one engine."""
        self.provider = provider
        self.cancelled = threading.Event()

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Agree on the protocol's features."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=False)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """An engine that has not started us (PULUMI_DEBUG_PROVIDERS) says where it is; we never call it back."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The provider's version."""
        return plugin_pb2.PluginInfo(version=self.provider.version)

    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """The provider's schema."""
        return provider_pb2.GetSchemaResponse(schema=self.provider.schema)

    @_readable
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Check the provider's own configuration."""
        failures = self.provider.check_config(plain_properties(decode(request.news)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(failures))

    @_readable
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """A changed configuration never replaces the provider, or all its resources would be replaced with it."""
        changed = decode(request.olds) != decode(request.news)
        changes = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changes)

    @_readable
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Configure the provider and announce its features once more, as the protocol asks."""
        self.provider.configure(plain_properties(decode(request.args)))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=False
        )

    @_readable
    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """Run one of the provider's functions."""
        result = self.provider.function(request.tok)(plain_properties(decode(request.args)))
        # `return` is a keyword of Python, so it cannot be written as an argument.
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(result))
        return response

    @_readable
    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Refuse wrong inputs and fill in the defaults."""
        kind = self.provider.kind(_token(request.type, request.urn))
        given = decode(request.news)
        inputs = plain_properties(given)
        former = plain_properties(decode(request.olds)) if request.olds.fields else None
        defaults = kind.complete(request.urn, inputs, former)
        failures = list(kind.check({**defaults, **inputs}))
        checked: Properties = mark_secrets({**defaults, **inputs}, given, frozenset())
        return provider_pb2.CheckResponse(inputs=encode(checked), failures=_failures(failures))

    @_readable
    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """What an update would change."""
        kind = self.provider.kind(_token(request.type, request.urn))
        resource = Resource(
            urn=request.urn,
            id=request.id,
            inputs=plain_properties(decode(request.old_inputs)),
            outputs=plain_properties(decode(request.olds)),
        )
        return _diff_response(kind.diff(resource, plain_properties(decode(request.news))))

    @_readable
    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Create a resource, or say what a creation would return."""
        kind = self.provider.kind(_token(request.type, request.urn))
        given = decode(request.properties)
        inputs = plain_properties(given)
        if request.preview:
            outputs = mark_secrets(kind.preview(None, inputs), given, kind.secret_outputs)
            return provider_pb2.CreateResponse(properties=encode(outputs))
        created = kind.create(self._context(request.urn), inputs)
        outputs = mark_secrets(created.outputs, given, kind.secret_outputs)
        return provider_pb2.CreateResponse(id=created.id, properties=encode(outputs))

    @_readable
    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """The resource as it is; an empty answer tells the engine that it is gone."""
        kind = self.provider.kind(_token(request.type, request.urn))
        inputs, outputs = decode(request.inputs), decode(request.properties)
        resource = Resource(request.urn, request.id, plain_properties(inputs), plain_properties(outputs))
        found = kind.read(self._context(request.urn), resource)
        if found is None:
            return provider_pb2.ReadResponse()
        # An import knows nothing yet but the id; its outputs then serve as inputs.
        like = {**inputs, **outputs}
        properties = encode(mark_secrets(found, like, kind.secret_outputs))
        return provider_pb2.ReadResponse(id=request.id, properties=properties, inputs=request.inputs or properties)

    @_readable
    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Update a resource in place, or say what an update would return."""
        kind = self.provider.kind(_token(request.type, request.urn))
        given = decode(request.news)
        inputs = plain_properties(given)
        resource = Resource(
            urn=request.urn,
            id=request.id,
            inputs=plain_properties(decode(request.old_inputs)),
            outputs=plain_properties(decode(request.olds)),
        )
        found: PlainProperties
        if request.preview:
            found = kind.preview(resource, inputs)
        else:
            found = kind.update(self._context(request.urn), resource, inputs)
        outputs = mark_secrets(found, {**decode(request.olds), **given}, kind.secret_outputs)
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    @_readable
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Delete a resource."""
        kind = self.provider.kind(_token(request.type, request.urn))
        resource = Resource(
            urn=request.urn,
            id=request.id,
            inputs=plain_properties(decode(request.old_inputs)),
            outputs=plain_properties(decode(request.properties)),
        )
        kind.delete(self._context(request.urn), resource)
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """The user interrupted the deployment: whoever waits stops waiting."""
        self.cancelled.set()
        return empty_pb2.Empty()

    def _context(self, urn: str) -> Context:
        return Context(urn=urn, cancelled=self.cancelled)


def _token(token: str, urn: str) -> str:
    # Engines before 3.140 send the URN only: urn:pulumi:stack::project::parent$type::name.
    return token or urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def _failures(failures: Iterable[Failure]) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=failure.property, reason=failure.reason) for failure in failures]


def _diff_response(change: Change) -> provider_pb2.DiffResponse:
    if not change:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
    detailed: Mapping[str, provider_pb2.PropertyDiff] = {
        **_details(change.added, change, _Kind.ADD, _Kind.ADD_REPLACE),
        **_details(change.deleted, change, _Kind.DELETE, _Kind.DELETE_REPLACE),
        **_details(change.updated, change, _Kind.UPDATE, _Kind.UPDATE_REPLACE),
        **{path: provider_pb2.PropertyDiff(kind=_Kind.UPDATE, inputDiff=False) for path in change.drifted},
    }
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME,
        diffs=sorted({_top(path) for path in detailed}),
        replaces=sorted({_top(path) for path in change.replaced}),
        deleteBeforeReplace=change.delete_before_replace,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _details(
    paths: Iterable[str], change: Change, kind: _Kind.Kind.ValueType, replacing: _Kind.Kind.ValueType
) -> dict[str, provider_pb2.PropertyDiff]:
    return {
        path: provider_pb2.PropertyDiff(kind=replacing if path in change.replaced else kind, inputDiff=True)
        for path in paths
    }


def _top(path: str) -> str:
    return path.split(".")[0].split("[")[0]


__all__ = ["Servicer"]
