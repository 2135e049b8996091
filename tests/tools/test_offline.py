"""`make preview CLOUD=...`: what it makes up, what it refuses, and one preview as a person would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.engine.runner import CHECKOUT
from tools import offline
from tools.process import SetupError


@pytest.mark.parametrize(("text", "clouds"), [("aws", ("aws",)), ("gcp, aws", ("gcp", "aws")), ("gcp,gcp", ("gcp",))])
def test_clouds_are_chosen_by_name(text: str, clouds: tuple[str, ...]):
    assert offline.chosen(text) == clouds


@pytest.mark.parametrize("text", ["azure", "aws,azure", "", ","])
def test_an_unknown_cloud_is_refused_with_the_known_ones(text: str):
    with pytest.raises(SetupError, match="no stand-in") as refused:
        offline.chosen(text)
    assert "aws, gcp or aws,gcp" in refused.value.remedy


def test_the_local_stack_is_refused():
    with pytest.raises(SetupError, match="on no cloud"):
        offline.preview("local", ("aws",), [])


def test_what_the_stack_says_itself_is_kept_and_the_rest_is_told():
    own: offline.Config = {"aws:region": "eu-west-1", "agent-exchange:aws": {"domain": "shop.example.com"}}
    config, made_up = offline.config_of("production", ("aws", "gcp"), own)
    assert config["aws:region"] == "eu-west-1"
    assert config["agent-exchange:aws"] == {"domain": "shop.example.com"}
    assert config["agent-exchange:clouds"] == ["aws", "gcp"]
    assert made_up == {"gcp:project", "gcp:region", "agent-exchange:gcp", "agent-exchange:image"}


def test_encrypted_values_stay_where_their_key_is(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offline, "CHECKOUT", tmp_path)
    (tmp_path / "Pulumi.staging.yaml").write_text(
        "config:\n  aws:region: eu-west-1\n  agent-exchange:aws:\n    database: {secure: abc}\n"
    )
    assert offline.written("staging") == {"aws:region": "eu-west-1"}
    assert offline.written("pr-1") == {}


@pytest.mark.parametrize(
    ("stack", "section", "owner"),
    [
        ("pr-1", {}, "staging"),
        ("dev-ann", {"database": {"sharedWith": "shared"}}, "shared"),
        ("pr-1", {"database": {"kind": "documentdb"}}, None),
        ("production", {}, None),
    ],
)
def test_whose_network_a_stack_takes(stack: str, section: dict[str, object], owner: str | None):
    assert offline.owner_of(stack, {"agent-exchange:aws": section}) == owner


@pytest.mark.parametrize(
    ("section", "zone"),
    [({}, None), ({"domain": "aex.example.org"}, "example.org"), ({"domain": "a.b.c", "zone": "c"}, "c")],
)
def test_which_zone_a_stack_looks_up(section: dict[str, str], zone: str | None):
    assert offline.zone_of({"agent-exchange:aws": section}) == zone


@pytest.mark.engine
@pytest.mark.timeout(400)
def test_a_preview_without_an_account_prints_the_engines_json_and_leaves_no_trace():
    before = {entry.name for entry in os.scandir(CHECKOUT)}
    command = [sys.executable, "-m", "tools.offline", "--stack", "pr-99", "--clouds", "gcp", "--json"]
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(command, cwd=CHECKOUT, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["changeSummary"]
    assert set(summary) == {"create"}
    assert "against stand-ins for the clouds" in done.stderr
    assert "made up here: agent-exchange:image, gcp:project, gcp:region" in done.stderr
    assert {entry.name for entry in os.scandir(CHECKOUT)} - before <= {".pytest_cache"}


@pytest.mark.engine
@pytest.mark.timeout(400)
def test_a_config_that_cannot_be_used_fails_with_the_programs_words():
    command = [sys.executable, "-m", "tools.offline", "--stack", "shop", "--clouds", "gcp"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "agent-exchange:environment is missing" in done.stdout
