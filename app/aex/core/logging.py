"""Structured logs: one JSON object a line, with the request's id and tenant, and nothing that is a secret.

Written to standard output; where the lines go from there, and how long they are kept, is the platform's.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import orjson
import structlog

from aex.core.context import current
from aex.core.settings import Settings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

# Contract tokens have 64 digits; ids of executions, which begin alike, have 32 and are no secret.
_SECRET = re.compile(
    r"(aexk_[0-9a-f]{8})[0-9a-f]+|(aex_[ps]k_live_[0-9a-f]{8})[0-9a-f]+|(\b(?:exec|cons)_[0-9a-f]{8})[0-9a-f]{32,}"
    r"|(://[^:/@\s]+:)[^@\s]+(?=@)|([Bb]earer )[^\s\"]+|(\beyJ[\w-]{10})[\w.-]+"
)


def redact(text: str) -> str:
    """`text` with keys, tokens and passwords in URLs cut to a harmless prefix."""
    return _SECRET.sub(lambda match: next(filter(None, match.groups()), "") + "[redacted]", text)


def _add_request(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    context = current.get()
    if context is not None:
        event["request_id"] = context.request_id
        event["trace_id"] = context.traceparent[3:35]
        if context.tenant:
            event["tenant"] = context.tenant
    return event


def _redact_values(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redact(value)
    return event


class _StandardOutput:
    """Whatever standard output is at the time of writing."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def configure(settings: Settings, service: str) -> None:
    """Send every log line of this process, ours and the libraries', through one JSON formatter."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    output = _StandardOutput()

    def add_service(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
        event["service"] = service
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        _add_request,
        structlog.processors.format_exc_info,
        _redact_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=output),  # pyright: ignore[reportArgumentType] - write and flush
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)  # pyright: ignore[reportArgumentType] - only write and flush are used
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def _dumps(value: object, **_: object) -> str:
    return orjson.dumps(value, default=str).decode()


def get_logger(name: str) -> "FilteringBoundLogger":
    """A logger whose lines carry the request's id and tenant by themselves."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


__all__ = ["configure", "get_logger", "redact"]
