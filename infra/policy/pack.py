"""Hands the rules to Pulumi: one policy for each rule, with its id, and the stack's own config for what depends on it.

The engine (3.2xx) tells a pack the stack's config in a call, ConfigureStack; pulumi-policy 1.21 takes only tags from it
and looks for the config in its environment, where the engine no longer puts it. `listen` hears that call too. A pack
that was never told judges as production and waives nothing: unknown never means unprotected.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, cast

from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from infra.policy.judge import violations
from infra.policy.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule
from infra.policy.properties import UNKNOWN, NotYetKnownError, Properties
from infra.policy.rules import RULES
from infra.policy.settings import stack_from_config, strictest

NAME = "agent-exchange"


class StackConfigured(Protocol):
    """What the engine says about the stack: `AnalyzerStackConfigureRequest` of its protocol."""

    stack: str
    config: Mapping[str, str]


class Told:
    """What the engine has said about the stack that is judged."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._stack: Stack | None = None

    def configure(self, request: StackConfigured) -> None:
        """Note a stack's name and config. Secrets are among its values; none of them is kept."""
        self._stack = stack_from_config(dict(request.config), request.stack, _today())

    @property
    def stack(self) -> Stack:
        """What rules may know about the stack."""
        return self._stack or strictest("", _today())


def listen(told: Told) -> Callable[[], None]:
    """Hear of the stack's config too, when pulumi-policy serves its pack; gives the function that ends it."""
    add = analyzer_pb2_grpc.add_AnalyzerServicer_to_server

    def adding(servicer: analyzer_pb2_grpc.AnalyzerServicer, server: object) -> None:
        answer = cast("Callable[[StackConfigured, object], object]", servicer.ConfigureStack)

        def configure(request: StackConfigured, context: object) -> object:
            told.configure(request)
            return answer(request, context)

        servicer.ConfigureStack = configure
        cast("Callable[[object, object], None]", add)(servicer, server)

    analyzer_pb2_grpc.add_AnalyzerServicer_to_server = adding

    def end() -> None:
        analyzer_pb2_grpc.add_AnalyzerServicer_to_server = add

    return end


def policies(told: Told) -> list[Policy]:
    """The rules as Pulumi's policies."""
    return [_policy(rule, told) for rule in RULES]


def serve() -> None:
    """Answer the engine until it ends us."""
    told = Told()
    listen(told)
    PolicyPack(NAME, policies(told))


def _policy(rule: Rule, told: Told) -> Policy:
    about = rule.about
    level = EnforcementLevel.MANDATORY if about.severity is Severity.MANDATORY else EnforcementLevel.ADVISORY
    # The engine shows the description above every violation: it is the reason.
    reason = f"Because {about.reason}."
    match rule:
        case ResourceRule():
            return ResourceValidationPolicy(about.id, reason, _resource_check(rule, told), level)
        case StackRule():
            return StackValidationPolicy(about.id, reason, _stack_check(rule, told), level)


def _resource_check(rule: ResourceRule, told: Told) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def check(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if rule.types and args.resource_type not in rule.types:
            return
        resource = Resource(
            type=args.resource_type,
            name=args.name,
            urn=args.urn,
            properties=_properties(args.props),
            parent=args.opts.parent or "",
            custom=args.provider is not None,
            protect=args.opts.protect,
        )
        try:
            for violation in violations(rule, [resource], told.stack):
                report(violation.message, None)
        except NotYetKnownError as error:
            args.not_applicable(f"{error}; judged during the update")

    return check


def _stack_check(rule: StackRule, told: Told) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def check(args: StackValidationArgs, report: ReportViolation) -> None:
        wanted = [each for each in args.resources if not rule.types or each.resource_type in rule.types]
        try:
            for violation in violations(rule, list(_resources(wanted)), told.stack):
                report(violation.message, violation.resource.urn if violation.resource else None)
        except NotYetKnownError as error:
            args.not_applicable(f"{error}; judged during the update")

    return check


def _resources(given: Sequence[PolicyResource]) -> Iterator[Resource]:
    for each in given:
        yield Resource(
            type=each.resource_type,
            name=each.name,
            urn=each.urn,
            properties=_properties(each.props),
            parent=each.parent.urn if each.parent else "",
            custom=each.provider is not None,
            protect=each.opts.protect,
            refers={name: [source.urn for source in sources] for name, sources in each.property_dependencies.items()},
        )


def _properties(given: Mapping[str, object]) -> Properties:
    return Properties(cast("Mapping[str, object]", _plain(given)))


def _plain(value: object) -> object:
    """pulumi-policy refuses to hand out what is not known; rules are told that it is so."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return {name: _at(mapping, name) for name in mapping}
    if isinstance(value, Sequence) and not isinstance(value, str):
        sequence = cast("Sequence[object]", value)
        return [_at(sequence, index) for index in range(len(sequence))]
    return value


def _at(container: object, key: object) -> object:
    try:
        return _plain(cast("Mapping[object, object]", container)[key])
    except UnknownValueError:
        return UNKNOWN


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()
