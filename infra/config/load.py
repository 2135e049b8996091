"""From raw config and a stack name to settings, as a pure function that needs no engine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, cast

from pydantic import ValidationError

from infra.config.general import Cloud, Environment
from infra.config.profiles import EPHEMERAL_STACK, PROFILES, STACK_ENVIRONMENTS, Tree, merged
from infra.config.report import NAMESPACE, ConfigError, explained
from infra.config.rules import problems_of
from infra.config.section import did_you_mean
from infra.config.settings import KEYS, Settings

_YAML_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2}) 00:00:00 \+0000 UTC")
"""What the engine makes of a date that stands in YAML without quotes."""

_CHOOSABLE = [environment.value for environment in Environment if environment is not Environment.BOOTSTRAP]


def load(values: Mapping[str, object], stack: str) -> Settings:
    """The settings of `stack` from its whole config (`<namespace>:<key>` -> value, objects as such or as JSON text).

    Raises ConfigError with every problem that was found, each with its remedy.
    """
    given = _project_values(values, stack)
    environment = _environment(given.pop("environment", None), stack)
    clouds = _clouds(given.get("clouds"), environment, stack)
    places = {cloud.value for cloud in Cloud}
    # A cloud that the stack neither deploys to nor mentions has no settings at all.
    profile = {key: value for key, value in PROFILES[environment].items() if key not in places - clouds - set(given)}
    facts: dict[str, Tree] = {
        "stack": stack,
        "environment": environment.value,
        "awsRegion": _text(values.get("aws:region")),
        "gcpProject": _text(values.get("gcp:project")),
        "gcpRegion": _text(values.get("gcp:region")),
    }
    defaults = merged({cloud: cast("Tree", {}) for cloud in clouds}, profile)
    try:
        settings = Settings.model_validate({**merged(defaults, given), **facts})
    except ValidationError as error:
        raise ConfigError(stack, explained(error, Settings)) from None
    problems = list(problems_of(settings))
    if problems:
        raise ConfigError(stack, problems)
    return settings


def _project_values(values: Mapping[str, object], stack: str) -> dict[str, Tree]:
    """The project's own keys without their namespace, objects and lists decoded."""
    own = {key.partition(":")[2]: value for key, value in values.items() if key.startswith(f"{NAMESPACE}:")}
    unknown = [key for key in own if key not in KEYS]
    if unknown:
        raise ConfigError(
            stack, [f"{NAMESPACE}:{key}: there is no such key; {did_you_mean(key, KEYS)}" for key in unknown]
        )
    decoded = {key: _decoded(value) for key, value in own.items()}
    # Pulumi.yaml declares empty defaults, which say that the stack does not set the key.
    return {key: value for key, value in decoded.items() if value not in ("", {}, [])}


def _decoded(value: object) -> Tree:
    """Pulumi hands objects and lists over as JSON text; what does not parse is left for the field to refuse."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _dates_as_written(cast("Tree", json.loads(value)))
        except ValueError:
            return value
    return _dates_as_written(cast("Tree", value))


def _dates_as_written(value: Tree) -> Tree:
    """Dates as people write them, `2027-01-31`, at any depth."""
    if isinstance(value, Mapping):
        return {key: _dates_as_written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_dates_as_written(each) for each in value]
    found = _YAML_DATE.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _environment(configured: Tree, stack: str) -> Environment:
    """What the stack is for. Unknown never means unprotected: a name that says nothing needs the key."""
    named = STACK_ENVIRONMENTS.get(stack)
    implied = Environment.EPHEMERAL if EPHEMERAL_STACK.fullmatch(stack) else named
    if configured is None:
        if implied is None:
            raise _refused(
                stack,
                f" is missing, and the name {stack!r} does not say what the stack is for: set it to one of "
                f"{', '.join(_CHOOSABLE)} (`pulumi config set --stack {stack} environment ephemeral`)",
            )
        return implied
    if named is not None and configured != named.value:
        raise _refused(stack, f": stack {stack!r} is always {named}: remove the key, or use a stack with another name")
    if named is None and configured not in _CHOOSABLE:
        raise _refused(stack, f": {configured!r} is not a choice; {did_you_mean(str(configured), _CHOOSABLE)}")
    return Environment(cast("str", configured))


def _refused(stack: str, text: str) -> ConfigError:
    return ConfigError(stack, [f"{NAMESPACE}:environment{text}"])


def _clouds(configured: Tree, environment: Environment, stack: str) -> set[str]:
    """The clouds as far as they can be read; what is wrong with them is found when the field is validated."""
    if configured is None:
        remedy = "[local]" if environment is Environment.LOCAL else "[aws], [gcp] or [gcp, aws]"
        raise ConfigError(stack, [f"{NAMESPACE}:clouds is missing: set it to {remedy}"])
    names = configured if isinstance(configured, list) else []
    return {name for name in names if isinstance(name, str)} & {cloud.value for cloud in Cloud}
