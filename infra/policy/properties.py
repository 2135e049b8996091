"""Reading a resource's properties, of which some are not known while the engine previews.

A value that is not known counts as given (`has`), and cannot be read: `NotYetKnownError` tells whoever judges to wait
for the update, where the engine asks again. Nothing here knows a rule, a provider or an SDK.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast


class Unknown:
    """What a preview gives for a value that only the cloud can tell."""


UNKNOWN: Final = Unknown()


class NotYetKnownError(Exception):
    """A rule needs a value that is not known yet."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path} is not known before the update")


class Properties:
    """An object of JSON-like values, read by path: `a.b` is b of a, and the first of a list where a is one."""

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take the values as the engine gives them."""
        self._values = values

    def has(self, path: str) -> bool:
        """Whether something is given; empty texts and lists are not."""
        try:
            return self._at(path) not in (None, "", [], {})
        except NotYetKnownError:
            return True

    def text(self, path: str) -> str:
        """A text, or a number as one; empty when there is none."""
        value = self._at(path)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return "" if value is None else str(value)

    def number(self, path: str) -> float | None:
        """A number, also where it is written as text; None when there is none."""
        value = self._at(path)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return None
        try:
            return float(value)
        except ValueError:
            return None

    def flag(self, path: str) -> bool | None:
        """True or false; None when it is not given."""
        value = self._at(path)
        return value if isinstance(value, bool) else None

    def texts(self, path: str) -> list[str]:
        """A list of texts; one text counts as a list of one."""
        value = self._at(path)
        if isinstance(value, Unknown):
            raise NotYetKnownError(path)
        if any(isinstance(each, Unknown) for each in _list(value)):
            raise NotYetKnownError(path)
        return [str(each) for each in _list(value)]

    def count(self, path: str) -> int:
        """How many a list has, known or not."""
        return len(_list(self._at(path)))

    def parts(self, path: str) -> list[Properties]:
        """The objects in a list; one object counts as a list of one."""
        found = _list(self._at(path))
        if any(isinstance(each, Unknown) for each in found):
            raise NotYetKnownError(path)
        return [Properties(cast("Mapping[str, object]", each)) for each in found if isinstance(each, Mapping)]

    def document(self, path: str) -> Properties:
        """The object that a text holds as JSON; empty when there is none."""
        text = self.text(path)
        return Properties(cast("Mapping[str, object]", json.loads(text))) if text else Properties({})

    def documents(self, path: str) -> list[Properties]:
        """The objects of a list that a text holds as JSON."""
        text = self.text(path)
        return Properties({"all": json.loads(text)}).parts("all") if text else []

    def keys(self) -> Iterator[str]:
        """The names at the top."""
        return iter(self._values)

    def plain(self) -> Mapping[str, object]:
        """The values themselves."""
        return self._values

    def _at(self, path: str) -> object:
        value: object = self._values
        for name in path.split("."):
            if isinstance(value, Sequence) and not isinstance(value, str):
                value = next(iter(cast("Sequence[object]", value)), None)
            value = cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else None
            if isinstance(value, Unknown):
                raise NotYetKnownError(path)
        return value


def _list(value: object) -> Sequence[object]:
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return cast("Sequence[object]", value)
    return [value]
