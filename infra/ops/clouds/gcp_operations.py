"""The operators' job: executed with other arguments, waited for, its log told as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from infra.ops.clouds.answers import first, inside, items, last, text
from infra.ops.clouds.cloud import Say
from infra.ops.clouds.gcp_api import GcpApi
from infra.ops.clouds.gcp_status import Region
from infra.ops.faults import OpsError

_POLL_SECONDS: Final = 3.0
_LIMIT_SECONDS: Final = 2 * 3600
"""The job's own limit is an hour."""
_LATE_POLLS: Final = 4
"""How often the log is asked for once more: Cloud Logging is some seconds late."""


def operate(
    place: Region, job: str, arguments: Sequence[str], say: Say, wait: Callable[[float], None] = time.sleep
) -> int:
    """Runs `python -m aex <arguments>` as the job, and gives its exit code. Raises `OpsError` when it did not run."""
    api = place.api
    override = {"args": ["-m", "aex", *arguments]}
    started = api.post("run", f"v2/{place.parent}/jobs/{job}:run", {"overrides": {"containerOverrides": [override]}})
    execution = text(inside(started, "metadata"), "name")
    if not execution:
        raise OpsError(f"{job} did not start: {text(inside(started, 'error'), 'message')}", "Correct what it says.")
    say(f"execution {last(execution)}")
    log, waited = _log(api, last(execution)), 0.0
    while not text(api.get("run", f"v2/{execution}"), "completionTime"):
        for line in log():
            say(line)
        if waited >= _LIMIT_SECONDS:
            raise OpsError(
                f"{last(execution)} still runs after {_LIMIT_SECONDS // 3600} hours",
                f"Look at it: `gcloud run jobs executions describe {last(execution)} --region {place.region}`.",
            )
        wait(_POLL_SECONDS)
        waited += _POLL_SECONDS
    for attempt in range(_LATE_POLLS):
        lines = list(log())
        for line in lines:
            say(line)
        if attempt and not lines:
            break
        wait(_POLL_SECONDS)
    return _exit_code(api, execution)


def running(place: Region, job: str) -> list[str]:
    """The executions of the job that have not ended."""
    found = place.api.pages("run", f"v2/{place.parent}/jobs/{job}/executions", "executions")
    return [text(each, "name") for each in found if not text(each, "completionTime")]


def _exit_code(api: GcpApi, execution: str) -> int:
    task = first(items(api.get("run", f"v2/{execution}/tasks"), "tasks"))
    result = inside(task, "lastAttemptResult")
    code, status = result.get("exitCode", 0), inside(result, "status")
    if isinstance(code, int) and (code or not status.get("code")):
        return code
    raise OpsError(
        f"the job never ran to its end: {text(status, 'message') or 'Cloud Run gives no reason'}",
        "A missing image or permission, or its time was up: the reason says which.",
    )


def _log(api: GcpApi, execution: str) -> Callable[[], Iterator[str]]:
    """What gives the lines that have come since the last call."""
    seen: set[str] = set()

    def lines() -> Iterator[str]:
        body = {
            "resourceNames": [f"projects/{api.project}"],
            "filter": f'resource.type="cloud_run_job" AND labels."run.googleapis.com/execution_name"="{execution}"',
            "orderBy": "timestamp asc",
            "pageSize": 1000,
        }
        token = ""
        while True:
            answer = api.post("logging", "v2/entries:list", {**body, **({"pageToken": token} if token else {})})
            for entry in items(answer, "entries"):
                if text(entry, "insertId") not in seen:
                    seen.add(text(entry, "insertId"))
                    yield text(entry, "textPayload") or text(inside(entry, "jsonPayload"), "message")
            token = text(answer, "nextPageToken")
            if not token:
                return

    return lines


__all__ = ["operate", "running"]
