"""Several questions to a cloud at once: ten take as long as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")

_THREADS: Final = 10


def at_once(function: Callable[[Input], Output], inputs: Iterable[Input]) -> list[Output]:
    """`function` of each input, in order. The first exception of any is raised."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, inputs))


__all__ = ["at_once"]
