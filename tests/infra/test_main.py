"""The program: reads the config of the stack that the engine runs, and stops clearly where it cannot deploy."""

import os
from unittest import mock

import pulumi
import pytest

from infra.__main__ import built, main, platform
from infra.components.catalog import CATALOG
from infra.components.secret_values import SecretValues
from infra.config import Cloud, ConfigError, Settings, load
from infra.config.engine import settings_of_this_stack
from tests.infra.mocks import declared, run

LOCAL = {"agent-exchange:clouds": '["local"]'}
PROJECT = {"gcp:project": "acme-exchange", "gcp:region": "us-central1"}
STAGING = {"agent-exchange:clouds": '["aws"]', "aws:region": "us-east-1"}


def test_the_settings_are_those_of_the_running_stack() -> None:
    def program() -> None:
        found = settings_of_this_stack()
        pulumi.export("found", [found.stack, found.environment.value, found.protect])

    assert declared(program, stack="staging", config=STAGING).outputs == {"found": ["staging", "staging", False]}


def test_config_comes_from_the_engines_environment() -> None:
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG": '{"agent-exchange:clouds": "[\\"local\\"]"}'}):
        found = declared(lambda: pulumi.export("clouds", list(settings_of_this_stack().clouds)), stack="local")
    assert found.outputs == {"clouds": ["local"]}


def test_bad_config_stops_the_program_before_any_resource(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        run(main, stack="local", config={"agent-exchange:cluods": "[]"}, preview=True)
    assert caught.value.code == 32
    assert "the config of stack 'local' cannot be used (Pulumi.local.yaml)" in caplog.text
    assert "agent-exchange:cluods: there is no such key; did you mean clouds?" in caplog.text


def test_the_local_platform_is_found() -> None:
    assert callable(platform(Cloud.LOCAL, load(LOCAL, "local")).build)


@pytest.mark.parametrize("cloud", [cloud for cloud in Cloud if cloud is not Cloud.LOCAL])
def test_a_platform_that_does_not_exist_is_named_with_the_remedy(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.__main__.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf"this version cannot deploy to {cloud} .*take {cloud} out of the list"):
        platform(cloud, load(STAGING, "staging"))


class Taking:
    """A platform that writes down whose secrets it was given."""

    def __init__(self) -> None:
        self.values: SecretValues | None = None

    def build(self, settings: Settings, values: SecretValues | None = None) -> dict[str, object]:
        self.values = values
        return {}


def test_platforms_of_one_stack_share_its_secrets_so_that_an_exchange_can_move() -> None:
    both = load({**STAGING, "agent-exchange:clouds": '["gcp", "aws"]', **PROJECT}, "staging")
    gcp, aws = Taking(), Taking()
    found = declared(lambda: dict(built(both, {Cloud.GCP: gcp, Cloud.AWS: aws})))
    assert gcp.values is aws.values is not None
    assert {each.name for each in found.of("random:index/randomBytes:RandomBytes")} >= {"aex-api-key-salt-1"}


def test_a_platform_that_is_alone_makes_them_under_the_same_name() -> None:
    alone = Taking()
    declared(lambda: dict(built(load(STAGING, "staging"), {Cloud.AWS: alone})))
    assert alone.values is None
    random = "random:index/randomBytes:RandomBytes"
    made = declared(lambda: SecretValues(CATALOG, {})).of(random)
    both = load({**STAGING, "agent-exchange:clouds": '["gcp", "aws"]', **PROJECT}, "staging")
    shared = declared(lambda: dict(built(both, {Cloud.GCP: Taking(), Cloud.AWS: Taking()}))).of(random)
    assert {each.urn for each in made} == {each.urn for each in shared}, "adding a cloud replaces no secret"
