"""Reading what a cloud answers: JSON of which one believes only what one sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

Json = Mapping[str, object]
EMPTY: Final[Json] = {}


def items(answer: Json, key: str) -> list[Json]:
    """The objects under `key`; none when there is no such key."""
    found = answer.get(key)
    return cast("list[Json]", found) if isinstance(found, list) else []


def texts(answer: Json, key: str) -> list[str]:
    """The texts under `key`; none when there is no such key."""
    found = answer.get(key)
    return [str(each) for each in cast("list[object]", found)] if isinstance(found, list) else []


def inside(answer: Json, *keys: str) -> Json:
    """The object that the keys lead to; empty when they lead nowhere."""
    place = answer
    for key in keys:
        found = place.get(key)
        place = cast("Json", found) if isinstance(found, Mapping) else EMPTY
    return place


def first(found: Iterable[Json]) -> Json:
    """The first object; an empty one when there is none."""
    return next(iter(found), EMPTY)


def text(answer: Json, key: str) -> str:
    """The text under `key`, empty when there is none."""
    found = answer.get(key)
    return "" if found is None else str(found)


def number(answer: Json, key: str) -> int:
    """The whole number under `key`, also where it is written as a text; 0 when there is none."""
    found = answer.get(key)
    if isinstance(found, int | float):
        return int(found)
    return int(found) if isinstance(found, str) and found.lstrip("-").isdigit() else 0


def last(path: str) -> str:
    """The last part of an ARN, or of a resource's name at Google."""
    return path.rpartition("/")[2]


__all__ = ["EMPTY", "Json", "first", "inside", "items", "last", "number", "text", "texts"]
