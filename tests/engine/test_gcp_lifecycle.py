"""An ephemeral stack on Google Cloud under the real engine: up, at rest, drift, one service alone, down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from infra.components.catalog import CATALOG
from tests.engine import lifecycle
from tests.engine.cloud import CloudStack
from tests.engine.standins.docker import IMAGE
from tests.engine.standins.gcp.run import SERVICE
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]

FIREWALL = "gcp:compute/firewall:Firewall"
NOT_YET = "Error 403: Permission denied on secret: aex-jwt-secret-pr-1 for Revision service account aex-gateway-pr-1"


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("gcp",)) as running:
        yield running


@pytest.fixture(scope="module")
def stack(standins: Standins, tmp_path_factory: pytest.TempPathFactory) -> CloudStack:
    """A pull request's stack with images of its own and a network, deployed while a role is still on its way."""
    made = CloudStack.new(
        tmp_path_factory.mktemp("gcp") / "project",
        "pr-1",
        standins,
        image={},
        gcp={"network": {"egress": "direct"}, "alarms": {"emails": ["oncall@example.org"]}},
    )
    # The program asks the machine's Docker engine what has been pushed before: never one that happens to be here.
    made.environment["DOCKER_HOST"] = f"unix://{made.root}/nobody-listens"
    standins.gcp.fail("create", kind=SERVICE, name="aex-identity", error=NOT_YET)
    made.up(*lifecycle.PACK)
    return made


class TestUp:
    def test_what_is_only_late_is_tried_again(self, stack: CloudStack, standins: Standins):
        tries = [entry for entry in standins.gcp.log if (entry.operation, entry.name) == ("create", "aex-identity")]
        assert [entry.error for entry in tries if entry.token == SERVICE] == [NOT_YET, ""]

    def test_the_state_knows_what_exists(self, stack: CloudStack):
        lifecycle.in_step(stack)
        assert len(lifecycle.existing(stack)) > 150

    def test_one_build_per_service_and_every_revision_pins_its_digest(self, stack: CloudStack, standins: Standins):
        built = {name.partition(":")[0].rpartition("/")[2] for name in standins.docker.builds}
        assert built == set(CATALOG.names)
        assert len(standins.docker.builds) == len(CATALOG.names)
        digests = {thing.name: thing.outputs["repoDigest"] for thing in standins.docker.things(IMAGE)}
        for thing in standins.gcp.things(SERVICE):
            template = cast("dict[str, Any]", thing.inputs["template"])
            assert [container["image"] for container in template["containers"]] == [digests[thing.name]]

    def test_a_second_up_does_nothing_and_builds_nothing(self, stack: CloudStack, standins: Standins):
        builds, done = len(standins.docker.builds), len(standins.gcp.log)
        lifecycle.at_rest(stack)
        assert len(standins.docker.builds) == builds
        assert [entry for entry in standins.gcp.log[done:] if entry.operation != "read"] == []


class TestDrift:
    def test_it_is_seen_by_refresh_and_repaired_by_up(self, stack: CloudStack, standins: Standins):
        lost = standins.gcp.lose(FIREWALL, "deny-ingress")
        standins.gcp.tamper(SERVICE, "aex-settlement", ingress="INGRESS_TRAFFIC_ALL")
        seen = stack.refresh()
        assert {(step.op, step.type, step.name) for step in seen.done if step.op in ("delete", "update")} == {
            ("delete", FIREWALL, "deny-ingress"),
            ("update", SERVICE, "aex-settlement"),
        }
        repaired = stack.up()
        assert repaired.changes == {("create", FIREWALL, "deny-ingress"), ("update", SERVICE, "aex-settlement")}
        assert standins.gcp.one(FIREWALL, "deny-ingress").inputs == lost.inputs
        assert standins.gcp.one(SERVICE, "aex-settlement").outputs["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
        lifecycle.in_step(stack)


class TestOneService:
    def test_it_is_deployed_alone(self, stack: CloudStack, standins: Standins):
        stack.set("gcp", restart={"aex-settlement": "now", "aex-telemetry": "later"})
        done = len(standins.gcp.log)
        stack.up("--target", "**Service::aex-settlement")
        written = {(entry.operation, entry.token, entry.name) for entry in standins.gcp.log[done:]}
        assert {each for each in written if each[0] != "read"} == {("update", SERVICE, "aex-settlement")}


class TestSecrets:
    def test_none_is_in_plain_text_anywhere(self, stack: CloudStack):
        lifecycle.no_secret_shows(stack)


class TestDestroy:
    """Last, since nothing is there afterwards."""

    def test_it_leaves_nothing_and_waits_for_nothing(self, stack: CloudStack, standins: Standins):
        standins.calm()
        lifecycle.destroys(stack)
        log = standins.gcp.log
        lifecycle.ends_before(log, (SERVICE, "aex-gateway"), (SERVICE, "aex-identity"))
        lifecycle.ends_before(log, (SERVICE, "*"), ("gcp:compute/subnetwork:Subnetwork", "*"))
        lifecycle.ends_before(log, (SERVICE, "*"), ("gcp:serviceaccount/account:Account", "aex-identity"))
        lifecycle.ends_before(log, (FIREWALL, "*"), ("gcp:compute/network:Network", "*"))
        assert not [entry for entry in log if entry.error]
