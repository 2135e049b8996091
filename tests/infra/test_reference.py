"""The page of config keys: fresh, complete, and of keys that really exist."""

from __future__ import annotations

import yaml

from infra.config import reference
from infra.config.reference import Key, keys


def test_the_page_is_fresh() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run `make reference`"


def test_every_section_that_pulumi_knows_is_on_it_and_no_other() -> None:
    declared = yaml.safe_load((reference.ROOT / "Pulumi.yaml").read_text())["config"]
    sections = {f"agent-exchange:{key.path.split('.')[0]}" for key in keys()}
    assert sections == {key for key in declared if key.startswith("agent-exchange:")}


def test_a_key_says_what_it_takes_what_it_is_by_default_and_what_it_means() -> None:
    found = {key.path: key for key in keys()}
    assert found["aws.database.restoreFrom"] == Key(
        "aws.database.restoreFrom", "text", None, "Snapshot (identifier or ARN) that a new cluster starts from."
    )
    assert found["aws.network.nat"].takes == "`none`, `single`, `per-az`"
    assert found["aws.network.nat"].meaning == "How private subnets reach the internet."
    assert found["local.mongoUri"].takes == "a secret"
    assert "| `protect` | true, false | false (ephemeral), false (staging), true (production) |" in reference.page()


def test_keys_inside_of_maps_and_lists_are_shown_where_they_are() -> None:
    paths = {key.path for key in keys()}
    assert "aws.scaling.<service>.fixed" in paths
    assert "policy.waivers[].until" in paths
