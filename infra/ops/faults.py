"""How the operator's tools fail: always with the remedy, and with an exit code that a script can go by."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final


@unique
class Exit(IntEnum):
    """The exit codes of `aexctl`, the same for every command."""

    OK = 0
    """Done; nothing to complain about."""
    FINDING = 1
    """Done, and something is wrong; or the cloud refused it. What is wrong is said."""
    USAGE = 2
    """Nothing was tried: an argument or the stack's config is wrong, or the question was not answered with yes."""
    UNREACHABLE = 3
    """The stack, the cloud or the gateway does not answer, or there are no credentials."""


class OpsError(Exception):
    """Something went wrong that a person can do something about."""

    code: Exit = Exit.FINDING

    def __init__(self, what: str, remedy: str) -> None:
        """Say what is wrong, and what to do about it."""
        super().__init__(f"{what}\n{remedy}")
        self.what: Final = what
        self.remedy: Final = remedy


class UsageFault(OpsError):
    """What was asked for makes no sense here."""

    code = Exit.USAGE


class Unreachable(OpsError):
    """Nobody answers, or not to us."""

    code = Exit.UNREACHABLE


__all__ = ["Exit", "OpsError", "Unreachable", "UsageFault"]
