"""`aex:local:Process`: one background process of this machine, gated on its health.

A change of anything restarts the process in place and waits until it is healthy. A process that is gone (killed,
crashed, lost in a reboot) is reported as gone to `refresh`; `preview` and `up` see it without a refresh as a change of
`status`, and start it again. The program passes a hash of the code that the process runs as `code`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from infra.components.protocol import (
    Change,
    Context,
    Created,
    Failure,
    PlainProperties,
    ProviderError,
    Resource,
    ResourceKind,
)
from infra.local import processes, records
from infra.local.identity import Identity
from infra.local.plugin.inputs import is_known, number, path, table, text, whole, words
from infra.local.processes import ProcessError, Spec

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


class ProcessKind(ResourceKind):
    """Starts, watches, restarts and stops the process."""

    token = "aex:local:Process"  # noqa: S105  (the name of a type)
    computed = frozenset({"pid", "started", "commandLine", "log", "status", "checkout"})
    volatile = frozenset({"pid", "started", "commandLine"})
    replace_on = frozenset({"name", "folder"})
    # Two processes cannot have one port.
    delete_before_replace = True

    def defaults(self, urn: str, inputs: PlainProperties) -> PlainProperties:
        """Patience of half a minute at the start and of the services' own grace and a half at the end."""
        return {"host": "127.0.0.1", "healthPath": "/health", "startTimeout": 30, "stopTimeout": 15}

    def check(self, inputs: PlainProperties) -> Iterable[Failure]:
        """Refuse what cannot work before anything is touched."""
        name, port, command = inputs.get("name"), inputs.get("port"), inputs.get("command")
        if is_known(name) and not (isinstance(name, str) and _NAME.fullmatch(name)):
            yield Failure("name", "must be lower case with digits and hyphens, such as aex-gateway")
        if is_known(port) and not (isinstance(port, int) and 1024 <= port <= 65535):
            yield Failure("port", f"{port} is out of range: choose one from 1024 to 65535")
        if is_known(command) and not (isinstance(command, list) and command):
            yield Failure("command", "must be a list: the program and its arguments")
        for key in ("directory", "folder"):
            value = inputs.get(key)
            if is_known(value) and not (isinstance(value, str) and Path(value).is_absolute()):
                yield Failure(key, "must be an absolute path, since the plugin runs in another folder than the program")

    def diff(self, resource: Resource, inputs: PlainProperties) -> Change:
        """The changed inputs, and the status if the process is not there any more."""
        change = super().diff(resource, inputs)
        return change if _runs(resource) else replace(change, drifted=frozenset({"status"}))

    def create(self, context: Context, inputs: PlainProperties) -> Created:
        """Start it, or take over what an interrupted `up` has started."""
        outputs = _ensured(context, inputs)
        return Created(id=text(inputs, "name"), outputs=outputs)

    def read(self, context: Context, resource: Resource) -> PlainProperties | None:
        """As it was, while exactly that process runs."""
        return resource.outputs if _runs(resource) else None

    def update(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Start it again with the new inputs, unless it runs with them already."""
        return _ensured(context, inputs, _known(resource))

    def delete(self, context: Context, resource: Resource) -> None:
        """Stop it."""
        try:
            outputs = resource.outputs
            processes.stop(
                path(outputs, "folder"), text(outputs, "name"), number(outputs, "stopTimeout"), _known(resource)
            )
        except ProcessError as error:
            raise ProviderError(str(error)) from None


def _ensured(context: Context, inputs: PlainProperties, known: Identity | None = None) -> PlainProperties:
    spec = _spec(inputs)
    try:
        service = processes.ensure(spec, context.cancelled, known)
    except ProcessError as error:
        raise ProviderError(str(error)) from None
    return {
        **inputs,
        "pid": service.pid,
        "started": service.started,
        "commandLine": list(service.command),
        "log": str(spec.log),
        "status": "running",
        "checkout": str(records.CHECKOUT),
    }


def _spec(inputs: PlainProperties) -> Spec:
    return Spec(
        name=text(inputs, "name"),
        command=words(inputs, "command"),
        directory=path(inputs, "directory"),
        environment=table(inputs, "environment"),
        host=text(inputs, "host"),
        port=whole(inputs, "port"),
        health_path=text(inputs, "healthPath"),
        folder=path(inputs, "folder"),
        code=text(inputs, "code"),
        start_timeout=number(inputs, "startTimeout"),
        stop_timeout=number(inputs, "stopTimeout"),
    )


def _runs(resource: Resource) -> bool:
    return processes.running(path(resource.outputs, "folder"), text(resource.outputs, "name"), _identity(resource))


def _identity(resource: Resource) -> Identity:
    outputs = resource.outputs
    return Identity(whole(outputs, "pid"), text(outputs, "started"), words(outputs, "commandLine"))


def _known(resource: Resource) -> Identity | None:
    """The process of the state, unless the state was copied from another checkout together with its processes' pids."""
    return _identity(resource) if resource.outputs.get("checkout") == str(records.CHECKOUT) else None


__all__ = ["ProcessKind"]
