"""Category globs: matching with the semantics of Go's `path.Match`, and the keys under which a glob is found.

Pure. `*` and `?` do not cross `/`, `[a-z]` and `[^a-z]` are classes, `\\` takes the next character literally. Matching
is linear in pattern times name: a hostile pattern cannot make it explode, as a regular expression would.
"""

from typing import Literal, NamedTuple

MAX_LENGTH = 256
"""Longest pattern, and longest category that can match anything, in characters."""

PREFIX_LENGTHS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
"""How much of a glob's literal beginning is indexed: a look-up asks one key per length, not one per subscription."""

_SPECIAL = frozenset("*?[\\")


class _Any(NamedTuple):
    """Any run of characters but `/`."""

    kind: Literal["any"] = "any"


class _One(NamedTuple):
    """One character: any but `/` when `ranges` is None."""

    ranges: tuple[tuple[str, str], ...] | None
    negated: bool = False

    def takes(self, character: str) -> bool:
        if self.ranges is None:
            return character != "/"
        return self.negated != any(low <= character <= high for low, high in self.ranges)


def parse(pattern: str) -> list[_Any | _One]:
    """The pattern's parts. Raises `ValueError` that says what is malformed."""
    parts: list[_Any | _One] = []
    at = 0
    while at < len(pattern):
        match pattern[at]:
            case "*":
                if not (parts and isinstance(parts[-1], _Any)):
                    parts.append(_Any())
                at += 1
            case "?":
                parts.append(_One(None))
                at += 1
            case "[":
                part, at = _class(pattern, at + 1)
                parts.append(part)
            case _:
                character, at = _character(pattern, at)
                parts.append(_One(((character, character),)))
    return parts


def _character(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\":
        at += 1
        if at == len(pattern):
            raise ValueError("a backslash must be followed by the character that it escapes")
    return pattern[at], at + 1


def _class(pattern: str, at: int) -> tuple[_One, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if at >= len(pattern):
            raise ValueError("a [ must be closed by a ]")
        if pattern[at] == "]" and ranges:
            return _One(tuple(ranges), negated), at + 1
        if pattern[at] in "]-":
            raise ValueError("a character class must hold characters or ranges such as [a-z]")
        low, at = _character(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            if at + 1 >= len(pattern) or pattern[at + 1] in "]-":
                raise ValueError("a range in a character class needs both ends, as in [a-z]")
            high, at = _character(pattern, at + 1)
        ranges.append((low, high))


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches; a malformed pattern never matches."""
    if len(name) > MAX_LENGTH:
        return False
    try:
        parts = parse(pattern)
    except ValueError:
        return False
    return _match(parts, name)


def _match(parts: list[_Any | _One], name: str) -> bool:
    # Going back to the last star only is enough: it may take whatever an earlier star could have taken instead.
    part = at = 0
    star, star_at = -1, 0
    while at < len(name):
        current = parts[part] if part < len(parts) else None
        if isinstance(current, _Any):
            star, star_at = part, at
            part += 1
        elif current is not None and current.takes(name[at]):
            part += 1
            at += 1
        elif star >= 0 and name[star_at] != "/":
            star_at += 1
            part, at = star + 1, star_at
        else:
            return False
    return all(isinstance(rest, _Any) for rest in parts[part:])


def index_key(pattern: str) -> str:
    """The key that a pattern is indexed under: `=category` for a literal, else `^` and part of its literal start."""
    literal = next((at for at, character in enumerate(pattern) if character in _SPECIAL), None)
    if literal is None:
        return f"={pattern}"
    length = max(length for length in PREFIX_LENGTHS if length <= literal)
    return f"^{pattern[:length]}"


def look_up_keys(category: str) -> list[str]:
    """The keys under which every pattern that matches `category` is indexed."""
    return [f"={category}", *(f"^{category[:length]}" for length in PREFIX_LENGTHS if length <= len(category))]


__all__ = ["MAX_LENGTH", "PREFIX_LENGTHS", "index_key", "look_up_keys", "matches", "parse"]
