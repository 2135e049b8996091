"""Writes docs/config.md: every key that a stack can set, from the models that check them and from Pulumi.yaml.

.venv/bin/python -m infra.config.reference
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Final, Literal, Union, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from infra.config.general import Environment
from infra.config.profiles import PROFILES, Tree
from infra.config.settings import FACTS, Settings

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "config.md"
_NAMESPACE: Final = "agent-exchange"
_SHOWN: Final = (Environment.EPHEMERAL, Environment.STAGING, Environment.PRODUCTION)
_INTRODUCTION: Final = """\
# Every key of a stack's config

Written by `make reference` from the models in `infra/config` and from `Pulumi.yaml`; not to be edited by hand. Set a
key with `pulumi config set --path <key> <value>`, an item of a list by its number (`'policy.waivers[0].rule'`, in
quotes). A key that is not here is refused, at any depth, before anything is created. `<service>` and `<secret>` are
names of the catalog. Regions and projects keep the names of the providers:
`aws:region`, `gcp:project`, `gcp:region`.
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its path below the namespace, what it takes, its defaults, and what it means."""

    path: str
    takes: str
    default: object
    meaning: str


def keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Key]:
    """All keys that a stack can set, in the order of the models."""
    meanings = _docstrings(model)
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if not prefix and alias in FACTS:
            continue
        path = f"{prefix}{alias}"
        below, part = _model_in(field.annotation)
        if below is not None:
            yield from keys(below, f"{path}{part}.")
        else:
            meaning = meanings.get(name) or _of_its_choices(field.annotation)
            yield Key(path, _words(field.annotation), _default(field), meaning)


def page() -> str:
    """The whole page."""
    described = cast("Mapping[str, Mapping[str, str]]", yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"])
    by_section: dict[str, list[Key]] = {}
    for key in keys():
        by_section.setdefault(key.path.split(".")[0], []).append(key)
    lines = [_INTRODUCTION]
    for section, found in by_section.items():
        lines += [
            f"## `{_NAMESPACE}:{section}`",
            "",
            _one_line(described[f"{_NAMESPACE}:{section}"]["description"]),
            "",
        ]
        lines += ["| key | takes | default | meaning |", "|---|---|---|---|"]
        lines += [f"| `{key.path}` | {key.takes} | {_defaults(key)} | {_one_line(key.meaning)} |" for key in found]
        lines.append("")
    return "\n".join(lines)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the text under it in the source, with those of the classes that it inherits from."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        (cls,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        body = cast("ast.ClassDef", cls).body
        for statement, following in itertools.pairwise(body):
            text = following.value if isinstance(following, ast.Expr) else None
            if isinstance(statement, ast.AnnAssign) and isinstance(text, ast.Constant):
                found[ast.unparse(statement.target)] = str(text.value)
    return found


def _of_its_choices(annotation: object) -> str:
    """What an enumeration says of itself, for a field that adds nothing."""
    enums = [part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, Enum)]
    return inspect.getdoc(enums[0]) or "" if enums else ""


def _parts(annotation: object) -> list[object]:
    """The members of a union but None, with what only annotates taken off."""
    if get_origin(annotation) is Annotated:
        return _parts(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [part for member in get_args(annotation) for part in _parts(member) if part is not NoneType]
    return [annotation]


def _model_in(annotation: object) -> tuple[type[BaseModel] | None, str]:
    """The model whose keys are below, and how its place is written: nothing, `.<service>` or `[]`."""
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part, ""
        arguments = get_args(part)
        if get_origin(part) is dict:
            inner, rest = _model_in(arguments[1])
            if inner is not None:
                return inner, f".<{_named(arguments[0])}>{rest}"
        elif arguments and get_origin(part) in (list, tuple):
            inner, rest = _model_in(arguments[0])
            if inner is not None:
                return inner, f"[]{rest}"
    return None, ""


def _named(annotation: object) -> str:
    said = repr(annotation).lower()
    return next((kind for kind in ("secret", "service") if kind in said), "name")


def _words(annotation: object) -> str:
    return " or ".join(dict.fromkeys(_word(part) for part in _parts(annotation)))


def _word(part: object) -> str:
    arguments = get_args(part)
    match get_origin(part):
        case origin if origin is dict:
            return f"{{<{_named(arguments[0])}>: {_words(arguments[1])}}}"
        case origin if origin in (list, tuple):
            return f"list of {_words(arguments[0])}"
        case origin if origin is Literal:
            return ", ".join(f"`{value}`" for value in arguments)
        case _:
            pass
    if isinstance(part, type) and issubclass(part, Enum):
        return ", ".join(f"`{member.value}`" for member in part)
    named: Mapping[object, str] = {
        SecretStr: "a secret",
        str: "text",
        int: "number",
        float: "number",
        bool: "true, false",
        object: "text",
    }
    return named.get(cast("object", part)) or (part.__name__.lower() if isinstance(part, type) else "text")


def _default(field: FieldInfo) -> object:
    value: object = field.get_default(call_default_factory=True, validated_data={})
    return None if value is PydanticUndefined else value


def _defaults(key: Key) -> str:
    """The default, and where the kinds of environments differ each of theirs."""
    each = {environment: _in_profile(key.path, environment, key.default) for environment in _SHOWN}
    if len(set(map(repr, each.values()))) == 1:
        return _value(each[_SHOWN[0]])
    return ", ".join(f"{text} ({environment.value})" for environment, value in each.items() if (text := _value(value)))


def _in_profile(path: str, environment: Environment, otherwise: object) -> object:
    place: Tree = PROFILES[environment]
    for part in path.split("."):
        if not isinstance(place, Mapping) or part not in place:
            return otherwise
        place = place[part]
    return place


def _value(value: object) -> str:
    if value is None or value in ({}, [], ()):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"`[{', '.join(str(each) for each in cast('list[object]', value))}]`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
