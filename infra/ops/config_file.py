"""The stack's config: read from its file as the program would read it, and changed through `pulumi config`.

A change is checked on a copy first, by the rules that a deployment has; only then is the file written, all keys at
once, and what was there before is given back so that people can be told how to undo it.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import yaml

from infra.config import ConfigError, Settings, load
from infra.ops import engine
from infra.ops.engine import CHECKOUT
from infra.ops.faults import UsageFault

NAMESPACE: Final = "agent-exchange"
_HIDDEN: Final = "hidden"
"""What stands for an encrypted value, which nothing here needs."""

Tree = dict[str, object]


class _Loader(yaml.SafeLoader):
    """YAML as the engine reads it: a date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One key of the config that is set, or removed when `value` is None."""

    path: str
    """Within the namespace, as in `aws.scaling.aex-gateway.fixed`."""
    value: str | int | None


def config_path(stack: str) -> Path:
    """The file that holds the stack's config."""
    return CHECKOUT / f"Pulumi.{stack}.yaml"


def values(stack: str) -> Tree:
    """The whole config with full keys, encrypted values hidden; empty without a file."""
    try:
        read: object = yaml.load(config_path(stack).read_text(), _Loader)  # noqa: S506  (a safe loader)
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise UsageFault(f"{config_path(stack).name} is no YAML: {error}", "Correct it, or take it from git.") from None
    config = cast("Mapping[str, object]", read).get("config") if isinstance(read, Mapping) else None
    found = cast("Tree", config) if isinstance(config, dict) else dict[str, object]()
    return {(key if ":" in key else f"{NAMESPACE}:{key}"): _shown(value) for key, value in found.items()}


def settings_of(stack: str) -> Settings:
    """The stack's settings. Raises `UsageFault` with every problem of the config."""
    return _checked(values(stack), stack)


def edited(config: Tree, edits: Sequence[Edit]) -> Tree:
    """`config` after the edits; what is not there need not be removed."""
    result = copy.deepcopy(config)
    for edit in edits:
        first, *rest = edit.path.split(".")
        parts = [f"{NAMESPACE}:{first}", *rest]
        place = result
        for part in parts[:-1]:
            below = place.get(part)
            if not isinstance(below, dict):
                if edit.value is None:
                    break
                below = place[part] = {}
            place = cast("Tree", below)
        else:
            if edit.value is None:
                place.pop(parts[-1], None)
            else:
                place[parts[-1]] = edit.value
    return result


def effective(config: Tree, edits: Sequence[Edit]) -> list[Edit]:
    """The edits that change something; none when all of them together change nothing."""
    if edited(config, edits) == config:
        return []
    found: list[Edit] = []
    for edit in edits:
        after = edited(config, [edit])
        if after != config:
            found.append(edit)
        config = after
    return found


def inverse(config: Tree, edits: Sequence[Edit]) -> list[Edit]:
    """The edits that bring back what was there."""
    found: list[Edit] = []
    for edit in edits:
        before = _leaves(edit.path, _at(config, edit.path))
        found += before or [Edit(edit.path, None)]
    return list(dict.fromkeys(found))


def commands(stack: str, edits: Sequence[Edit]) -> list[list[str]]:
    """The `pulumi` commands that make the edits: what goes, then what comes."""
    gone = [f"{NAMESPACE}:{edit.path}" for edit in edits if edit.value is None]
    come = [f"{NAMESPACE}:{edit.path}={edit.value}" for edit in edits if edit.value is not None]
    found: list[list[str]] = []
    if gone:
        found.append(["config", "rm-all", "--path", *gone, "--stack", stack])
    if come:
        found.append(
            [
                "config",
                "set-all",
                "--path",
                *(word for each in come for word in ("--plaintext", each)),
                "--stack",
                stack,
            ]
        )
    return found


def apply(stack: str, edits: Sequence[Edit]) -> None:
    """Writes the edits into the stack's file. Raises `UsageFault`, with nothing written, if a deployment refused it."""
    _checked(edited(values(stack), edits), stack)
    for command in commands(stack, edits):
        engine.read(stack, *(word for word in command if word not in ("--stack", stack)))


def shown(command: Sequence[str]) -> str:
    """A `pulumi` command as one types it."""
    return shlex.join(["pulumi", *command])


def _at(config: Tree, path: str) -> object:
    first, *rest = path.split(".")
    place = config.get(f"{NAMESPACE}:{first}")
    for part in rest:
        place = cast("Tree", place).get(part) if isinstance(place, dict) else None
    return place


def _leaves(path: str, value: object) -> list[Edit]:
    if isinstance(value, dict):
        return [leaf for key, each in cast("Tree", value).items() for leaf in _leaves(f"{path}.{key}", each)]
    return [Edit(path, value)] if isinstance(value, str | int) else []


def _checked(config: Tree, stack: str) -> Settings:
    try:
        return load(config, stack)
    except ConfigError as error:
        problems = "\n".join(f"  - {problem}" for problem in error.problems)
        raise UsageFault(
            f"the config of stack {stack} cannot be used (Pulumi.{stack}.yaml):\n{problems}",
            f"Each line says what to set; `pulumi config set --stack {stack} --path KEY VALUE` sets it.",
        ) from None


def _shown(value: object) -> object:
    if isinstance(value, Mapping):
        each = cast("Mapping[str, object]", value)
        return _HIDDEN if set(each) == {"secure"} else {key: _shown(inner) for key, inner in each.items()}
    return [_shown(inner) for inner in cast("list[object]", value)] if isinstance(value, list) else value


__all__ = [
    "NAMESPACE",
    "Edit",
    "apply",
    "commands",
    "config_path",
    "edited",
    "effective",
    "inverse",
    "settings_of",
    "shown",
    "values",
]
