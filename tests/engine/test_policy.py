"""The policy pack in the real engine: what breaks a rule is stopped before it is made, unless the config waives it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from tests.engine.cloud import CloudStack
from tests.engine.lifecycle import OF_RESOURCES, OF_STACKS, PACK, judged
from tests.engine.standins.launch import launched

pytestmark = pytest.mark.timeout(900)

PROGRAM = '''\
"""A bucket that may become public, and what the config asks for besides."""

import pulumi
import pulumi_gcp as gcp
from infra.components.tags import labels
from infra.config.engine import settings_of_this_stack

settings = settings_of_this_stack()  # some secret is rotated: serve HTTP too
labels = labels(settings.stack, settings.environment.value)


class Exports(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("agent-exchange:test:Exports", "exports")
        below = pulumi.ResourceOptions(parent=self)
        # Known only once it exists, as much of a real stack is.
        address = gcp.compute.GlobalAddress("address", name="aex-address", labels=labels, opts=below)
        gcp.storage.Bucket(
            "exports",
            name=address.address.apply(lambda text: "aex-exports"),
            location="US-CENTRAL1",
            uniform_bucket_level_access=True,
            public_access_prevention="inherited",
            labels=labels,
            opts=below,
        )
        if settings.secrets:
            shown = gcp.compute.URLMap("http", name="aex-http", default_service="backend", opts=below)
            gcp.compute.TargetHttpProxy("http", name="aex-http", url_map=shown.id, opts=below)
        self.register_outputs({})


Exports()
'''
BUCKET = ("create", "gcp:storage/bucket:Bucket", "exports")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    """A staging stack with a program of its own."""
    with launched(("gcp",)) as standins:
        made = CloudStack.new(tmp_path_factory.mktemp("policy") / "project", "staging", standins)
        file = made.root / "Pulumi.yaml"
        file.write_text(file.read_text().replace("main: infra\n", "main: program\n"))
        (made.root / "program").mkdir()
        (made.root / "program" / "__main__.py").write_text(PROGRAM)
        yield made


def waived(days: int, resource: str = "exports") -> dict[str, list[dict[str, str]]]:
    """Config that waives the rule for so many days from today."""
    until = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days)
    reason = "the exports are published on purpose"
    return {
        "waivers": [{"rule": "gcp-bucket-private", "resource": resource, "reason": reason, "until": until.isoformat()}]
    }


def test_what_breaks_a_rule_is_stopped_before_it_is_made(stack: CloudStack) -> None:
    stack.config.pop("agent-exchange:policy", None)
    result = stack.up(*PACK, fails=True, seconds=280)
    assert "[mandatory]" in result.output and "gcp-bucket-private" in result.output
    assert "Because ACLs on single objects and grants to everybody publish what nobody meant to" in result.words
    assert (
        "the bucket can become public: set uniformBucketLevelAccess to true and publicAccessPrevention" in result.words
    )
    assert not stack.standins.gcp.things("gcp:storage/bucket:Bucket")
    assert "not known before the update" not in result.output


def test_a_waiver_lets_it_pass_for_what_it_names_and_until_its_day(stack: CloudStack) -> None:
    waivers = [*waived(-1)["waivers"], *waived(0, resource="another")["waivers"]]
    stack.config["agent-exchange:policy"] = {"waivers": waivers}
    said = stack.preview(*PACK, fails=True, seconds=280).words
    assert "the waiver of gcp-bucket-private for another is about nothing in this stack" in said
    assert "the bucket can become public (its waiver ended on" in said
    assert "the waiver of gcp-bucket-private for exports ended on" in said

    stack.config["agent-exchange:policy"] = waived(0)
    result = stack.up(*PACK, seconds=280)
    assert BUCKET in result.changes
    # An update judges everything: whatever was unknown to the preview is known.
    assert set(judged(result, "policyAnalyzeSummaryEvent")) == {OF_RESOURCES}
    assert judged(result, "policyAnalyzeStackSummaryEvent") == [OF_STACKS]


def test_rules_over_the_whole_stack_are_judged_in_a_preview(stack: CloudStack) -> None:
    """The proxy's map is not known yet, but what it comes from is."""
    stack.config["agent-exchange:policy"] = waived(0)
    stack.config["agent-exchange:secrets"] = {"aex-jwt-secret": 2}
    said = stack.preview(*PACK, fails=True, seconds=280).words
    stack.config.pop("agent-exchange:secrets")
    assert "gcp-http-redirects" in said and "let the proxy's URL map redirect to HTTPS" in said
