"""Tries an operation again when Google refused it only because something is new: an API or a permission.

Enabling an API and granting a role take up to some minutes to be known everywhere, and Google says nothing when they
are. Only the two families of messages below are tried again; every other error is reported at once.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import pulumi

_WAITS_SECONDS: Final = (5, 10, 20, 30, 60, 60, 60, 60)
"""Five minutes in all; Google documents two minutes as usual for a role and seven as the longest."""

_NOT_YET: Final = (
    # An API that was enabled a moment ago.
    r"has not been used in project \S+ before or it is disabled",
    r"API .{0,80} is not enabled",
    r"SERVICE_DISABLED",
    # A role that was granted, or an account that was made, a moment ago.
    r"Service account \S+ does not exist",
    r"The principal \S+ does not exist",
    r"Permission '?(iam\.serviceaccounts\.actAs|secretmanager\.versions\.access)'? denied",
    r"Permission denied on secret",
    r"does not have permission to access .{0,200}service agent",
    r"is not authorized to use the network",
)


def worth_another_try(errors: list[str]) -> bool:
    """Whether the latest of `errors` (newest first) may go away by itself, and there were not too many yet."""
    latest = errors[0] if errors else ""
    return len(errors) <= len(_WAITS_SECONDS) and any(re.search(each, latest, re.IGNORECASE) for each in _NOT_YET)


async def _wait_and_retry(args: pulumi.ErrorHookArgs) -> bool:
    if not worth_another_try(args.errors):
        return False
    seconds = _WAITS_SECONDS[len(args.errors) - 1]
    pulumi.log.info(f"{args.name}: Google does not know an API or a role yet; trying again in {seconds} seconds")
    await asyncio.sleep(seconds)
    return True


def retried() -> pulumi.ResourceHookBinding:
    """The binding for a program's resources; made once per program, since hooks have unique names."""
    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook("google-knows-it-later", _wait_and_retry)])


__all__ = ["retried", "worth_another_try"]
