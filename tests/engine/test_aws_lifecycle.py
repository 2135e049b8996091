"""Staging on AWS, and a pull request's stack that lives in its network, under the real engine and against moto.

Up, at rest, changes of config by preview, drift, one service alone, secrets, down. Both stacks live in one account, as
they do for real; what is left in it in the end is what moto lists beyond a fresh account's own things.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.components.catalog import CATALOG
from tests.engine import lifecycle
from tests.engine.aws_changes import OTHER, SERVICE, STATEFUL, TABLE
from tests.engine.cloud import PREBUILT, CloudStack
from tests.engine.standins.aws import left_behind
from tests.engine.standins.aws.account import Account
from tests.engine.standins.aws.shims import ONE_OFF
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]

GROUP = "aws:ec2/securityGroup:SecurityGroup"
QUERIES = ("errors", "one-request", "refused-callers", "slow-requests", "traffic")
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("gcp", "aws")) as running:
        yield running


@pytest.fixture(scope="module")
def staging(standins: Standins, account: Account, tmp_path_factory: pytest.TempPathFactory) -> CloudStack:
    """Staging, deployed, with one address that alarms go to."""
    made = CloudStack.new(
        tmp_path_factory.mktemp("aws") / "project",
        "staging",
        standins,
        clouds=("aws",),
        aws={"alarms": {"emails": ["a@example.org"]}},
    )
    made.up(*lifecycle.PACK)
    return made


@pytest.fixture
def stack(staging: CloudStack) -> Iterator[CloudStack]:
    """The live stack, whose config is as before afterwards."""
    with staging.borrowed():
        yield staging


class TestStaging:
    def test_the_state_knows_what_exists(self, staging: CloudStack):
        lifecycle.in_step(staging)
        assert len(lifecycle.existing(staging)) > 400

    def test_the_users_of_the_database_were_made_once_before_the_services(self, staging: CloudStack):
        assert ONE_OFF.started == 1

    def test_every_service_is_steady_in_its_own_group(self, staging: CloudStack, account: Account, standins: Standins):
        ecs = account.client("ecs")
        found = ecs.describe_services(
            cluster="aex-cluster-staging", services=[f"{name}-staging" for name in CATALOG.names]
        )["services"]
        assert len(found) == len(CATALOG.names)
        groups = {
            group for each in found for group in each["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]
        }
        assert len(groups) == len(CATALOG.names)
        assert all(each["runningCount"] == each["desiredCount"] >= 1 for each in found)

    def test_a_second_up_does_nothing(self, staging: CloudStack, standins: Standins):
        done = len(standins.aws.log)
        lifecycle.at_rest(staging)
        assert [entry for entry in standins.aws.log[done:] if entry.operation != "read"] == []


class TestChanges:
    @pytest.mark.parametrize("change", TABLE)
    def test_a_change_of_config_changes_this_and_nothing_else(self, stack: CloudStack, change: str):
        sections, expected = TABLE[change]
        for section, values in sections.items():
            stack.set(section, **values)
        assert lifecycle.changed(stack, STATEFUL) == expected

    def test_a_service_that_joins_the_catalog_is_added_beside_the_others(self, stack: CloudStack):
        catalog = stack.with_own_code() / "components" / "catalog.py"
        eleventh = "replace(_TELEMETRY, name='aex-eleventh', port=8099, collections=(), duties=(), secrets=())"
        catalog.write_text(
            catalog.read_text()
            + "\nfrom dataclasses import replace\n"
            + f"CATALOG = replace(CATALOG, services=(*CATALOG.services, {eleventh}))\n"
        )
        stack.set("image", digests={**PREBUILT["digests"], "aex-eleventh": OTHER})
        changes = lifecycle.changed(stack, STATEFUL)
        assert ("create", SERVICE, "aex-eleventh") in changes
        # What is written about all services together.
        assert {change for change in changes if change[0] != "create"} == {
            ("update", "aws:cloudwatch/dashboard:Dashboard", "dashboard"),
            ("update", "aws:iam/rolePolicy:RolePolicy", "aex-execution"),
            *(("update", "aws:cloudwatch/queryDefinition:QueryDefinition", name) for name in QUERIES),
        }

    def test_a_second_cloud_is_added_beside_the_first(self, stack: CloudStack):
        stack.config["agent-exchange:clouds"] = ["gcp", "aws"]
        changes = lifecycle.changed(stack, STATEFUL)
        assert {op for op, _, _ in changes} == {"create"}
        assert not [kind for _, kind, _ in changes if kind.startswith(("aws:", "agent-exchange:aws:"))]


class TestPullRequest:
    """A stack in staging's network and cluster."""

    @pytest.fixture(scope="class")
    def pr(self, staging: CloudStack) -> CloudStack:
        made = staging.beside("pr-1", clouds=("aws",))
        made.up()
        return made

    def test_it_is_there_in_one_go_and_at_rest(self, pr: CloudStack):
        lifecycle.in_step(pr)
        lifecycle.at_rest(pr)

    def test_drift_is_seen_by_refresh_and_repaired_by_up(self, pr: CloudStack, account: Account, standins: Standins):
        alarm = standins.aws.one(ALARM, "aex-identity-errors", "pr-1")
        role = standins.aws.one("aws:iam/role:Role", "aex-identity-task", "pr-1")
        account.client("cloudwatch").delete_alarms(AlarmNames=[alarm.id])
        account.client("iam").update_role(RoleName=role.id, Description="somebody was here")
        seen = pr.refresh()
        assert {(step.op, step.type, step.name) for step in seen.done if step.op in ("delete", "update")} == {
            ("delete", ALARM, "aex-identity-errors"),
            ("update", "aws:iam/role:Role", "aex-identity-task"),
        }
        repaired = pr.up()
        assert repaired.changes >= {
            ("create", ALARM, "aex-identity-errors"),
            ("update", "aws:iam/role:Role", "aex-identity-task"),
        }
        assert account.client("iam").get_role(RoleName=role.id)["Role"]["Description"] == role.inputs["description"]
        lifecycle.in_step(pr)

    def test_one_service_is_deployed_alone(self, pr: CloudStack, standins: Standins):
        pr.set("aws", restart={"aex-settlement": "now", "aex-telemetry": "later"})
        done = len(standins.aws.log)
        pr.up("--target", "**Service::aex-settlement")
        written = {(entry.operation, entry.token, entry.name) for entry in standins.aws.log[done:]}
        assert {each for each in written if each[0] != "read"} == {("update", SERVICE, "aex-settlement")}

    def test_no_secret_is_in_plain_text_anywhere(self, pr: CloudStack):
        lifecycle.no_secret_shows(pr)

    def test_it_goes_and_leaves_nothing_of_its_own(self, pr: CloudStack, account: Account, standins: Standins):
        standins.calm()
        lifecycle.destroys(pr)
        assert [each for each in left_behind(account) if "pr-1" in each] == []


class TestDestroy:
    """Last, since nothing is there afterwards."""

    def test_it_leaves_nothing_and_waits_for_nothing(self, staging: CloudStack, account: Account, standins: Standins):
        standins.calm()
        lifecycle.destroys(staging)
        assert left_behind(account) == []
        log = standins.aws.log
        lifecycle.ends_before(log, (SERVICE, "aex-gateway"), (SERVICE, "aex-identity"))
        lifecycle.ends_before(log, (SERVICE, "*"), (GROUP, "*"))
        lifecycle.ends_before(log, (SERVICE, "*"), ("aws:ec2/subnet:Subnet", "*"))
        lifecycle.ends_before(log, (GROUP, "*"), ("aws:ec2/vpc:Vpc", "*"))
        assert not [entry for entry in log if entry.error]
