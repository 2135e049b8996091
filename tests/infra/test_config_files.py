"""The project file and the stack files that come with it: every key is described, every file can be used."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from infra.config import ConfigError, load
from infra.config.local import LocalSettings
from infra.config.profiles import PROFILES
from infra.config.settings import KEYS, Settings

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
DESCRIBED: dict[str, dict[str, Any]] = PROJECT["config"]
PLACES = {"aws:region": "us-east-1", "gcp:region": "us-central1", "gcp:project": "my-project-1"}


def stack_config(stack: str) -> dict[str, object]:
    return yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]


def models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models(argument)]


def keys_below(model: type[BaseModel]) -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for part in models(field.annotation):
            found |= keys_below(part)
    return found


def test_every_key_is_in_the_project_file_and_no_other() -> None:
    assert set(DESCRIBED) == {f"agent-exchange:{key}" for key in KEYS}
    assert all(declaration["description"].strip() for declaration in DESCRIBED.values())


@pytest.mark.parametrize("key", [key for key, field in Settings.model_fields.items() if models(field.annotation)])
def test_every_key_of_an_object_is_described(key: str) -> None:
    declaration = DESCRIBED[f"agent-exchange:{key}"]
    assert declaration["type"] == "object"
    for model in models(Settings.model_fields[key].annotation):
        missing = {name for name in keys_below(model) if name not in declaration["description"]}
        assert not missing, f"Pulumi.yaml does not describe {missing} of {key}"


def test_declared_defaults_mean_that_a_key_is_not_set() -> None:
    # Without a default Pulumi refuses every stack that does not set the key.
    defaults = {key: json.dumps(d) if (d := said["default"]) != "" else "" for key, said in DESCRIBED.items()}
    assert set(defaults.values()) <= {"", "{}", "[]"}
    own = stack_config("staging") | PLACES
    assert load({**defaults, **own}, "staging") == load(own, "staging")


def test_described_defaults_are_the_real_ones() -> None:
    described = DESCRIBED["agent-exchange:local"]["description"]
    defaults = LocalSettings()
    for name, text in {
        "host": f"(default {defaults.host})",
        "base_port": f"(default {defaults.base_port})",
        "duty_interval_seconds": f"(default {defaults.duty_interval_seconds:g})",
        "start_timeout_seconds": f"(default {defaults.start_timeout_seconds:g})",
        "rate_limit_per_minute": f"(default {defaults.rate_limit_per_minute})",
    }.items():
        assert text in described, name


def test_the_local_stack_can_be_used_as_it_comes() -> None:
    assert load(stack_config("local"), "local").local is not None


def test_the_staging_stack_needs_nothing_but_a_place() -> None:
    with pytest.raises(ConfigError, match="aws:region: is missing"):
        load(stack_config("staging"), "staging")
    assert load({**stack_config("staging"), **PLACES}, "staging").aws is not None


def test_the_production_stack_needs_a_place_and_a_name() -> None:
    with pytest.raises(ConfigError, match="production needs a domain") as caught:
        load({**stack_config("production"), **PLACES}, "production")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("environment", PROFILES)
def test_profiles_hold_only_keys_that_exist(environment: str) -> None:
    stack = "bootstrap" if environment == "bootstrap" else f"test-{environment}"
    clouds = ["local"] if environment == "local" else ["gcp", "aws"]
    values: dict[str, object] = {**PLACES, "agent-exchange:clouds": clouds, "agent-exchange:aws": {"allowHttp": True}}
    if environment == "bootstrap":
        github = {"owner": "acme", "repository": "exchange", "ownerId": 1, "repositoryId": 2}
        values["agent-exchange:github"] = github
    else:
        values["agent-exchange:environment"] = environment
    assert load(values, stack).environment == environment
