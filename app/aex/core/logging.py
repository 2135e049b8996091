"""Structured logs: one JSON object a line, with the request's id and tenant, and nothing that is a secret.

Written to standard output; where the lines go from there, and how long they are kept, is the platform's.
"""

import asyncio
import logging
import re
import sys
import time
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
    if _suspect(text):
        return _SECRET.sub(lambda match: next(filter(None, match.groups()), "") + "[redacted]", text)
    return text


def _suspect(text: str) -> bool:
    """Whether the pattern could match at all: finding its fixed parts costs a tenth of trying it."""
    return (
        "aexk_" in text
        or "aex_" in text
        or "exec_" in text
        or "cons_" in text
        or "://" in text
        or "eyJ" in text
        or "earer " in text
    )


class _StandardOutput:
    """Whatever standard output is at the time of writing; flushed once a turn of the event loop, not once a line."""

    def __init__(self) -> None:
        self._flushes_on: asyncio.AbstractEventLoop | None = None

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            sys.stdout.flush()
            return
        if self._flushes_on is not loop:
            self._flushes_on = loop
            loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushes_on = None
        sys.stdout.flush()


class _Finish:
    """The last words of every line, in one step: structlog's processors, one after the other, cost three times that."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._second = 0
        self._prefix = ""

    def __call__(self, _logger: object, method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
        event["level"] = _LEVELS.get(method, method)
        event["timestamp"] = self._now()
        event["service"] = self._service
        context = current.get()
        if context is not None:
            event["request_id"] = context.request_id
            event["trace_id"] = context.traceparent[3:35]
            if context.tenant:
                event["tenant"] = context.tenant
        if "exc_info" in event:
            event = structlog.processors.format_exc_info(None, method, event)
        for name, value in event.items():
            if isinstance(value, str):
                event[name] = redact(value)
        return event

    def _now(self) -> str:
        moment = time.time()
        second = int(moment)
        if second != self._second:
            self._second, self._prefix = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._prefix}.{int((moment - second) * 1_000_000):06d}Z"


_LEVELS = {"warn": "warning", "exception": "error"}


def configure(settings: Settings, service: str) -> None:
    """Send every log line of this process, ours and the libraries', through one JSON formatter."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    output, finish = _StandardOutput(), _Finish(service)
    structlog.configure(
        processors=[finish, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=output),  # pyright: ignore[reportArgumentType] - write and flush
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)  # pyright: ignore[reportArgumentType] - only write and flush are used
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.processors.add_log_level, finish],
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
