"""What users of comparable systems hit on AWS: one test a trap, by its number in the table that they were collected in.

6, 7, 8, 14 and 15 are Google Cloud's alone.
"""

import json
import re

import pulumi
import pulumi_aws as aws
import pytest

from infra.components.image import image_tag
from tests.infra.aws import stacks
from tests.infra.components.expected import PORTS
from tests.infra.mocks import StrictError, declared

DEFINITION, SERVICE = "aws:ecs/taskDefinition:TaskDefinition", "aws:ecs/service:Service"


def test_1_a_rolled_back_deployment_is_not_reported_as_done() -> None:
    for service in stacks.stack("staging").of(SERVICE):
        hooks = service.options.hooks
        assert len(hooks.after_create) == len(hooks.after_update) == len(hooks.on_error) == 1


def test_2_services_get_the_time_they_need() -> None:
    run = stacks.stack("staging")
    for service in run.of(SERVICE):
        assert service.options.customTimeouts.create == service.options.customTimeouts.update == "20m"
    assert run.one("aws:lb/targetGroup:TargetGroup").inputs["deregistrationDelay"] == 30
    assert run.one(SERVICE, "aex-gateway").inputs["healthCheckGracePeriodSeconds"] == 60


def test_3_a_deployment_keeps_the_scaled_count() -> None:
    for service in stacks.stack("production").of(SERVICE):
        assert list(service.options.ignoreChanges) == ["desiredCount"]


def test_4_an_unchanged_image_deploys_nothing() -> None:
    """Digests only; and no build argument, token or time that differs from run to run."""
    run, content = stacks.built()
    built = {image.name: image.inputs for image in run.of("docker:index/image:Image")}
    tags = {name: image["imageName"].rpartition(":")[2] for name, image in built.items()}
    assert tags == {service: image_tag(content, service) for service in PORTS}
    for definition in run.of(DEFINITION):
        name = "aex-identity" if definition.name == "aex-operations" else definition.name
        assert stacks.containers(definition)["image"] == f"{name}.repositoryUrl@{name}.repoDigest"
    for image in built.values():
        assert image["build"]["platform"] == "linux/amd64"
        assert "registry" not in image


def test_5_a_preview_needs_no_registry_and_no_docker() -> None:
    run = stacks.stack("staging")
    assert not [each for each in run.resources if each.type.startswith("docker:")]


def test_9_a_secrets_name_is_free_at_once_where_nothing_is_protected() -> None:
    windows = {
        name: {
            each.inputs["recoveryWindowInDays"] for each in stacks.stack(name).of("aws:secretsmanager/secret:Secret")
        }
        for name in ("staging", "production", "pr-12")
    }
    assert windows == {"staging": {0}, "production": {30}, "pr-12": {0}}


def test_10_a_repository_with_images_goes_only_where_nothing_is_protected() -> None:
    for name, expected in (("staging", True), ("production", False)):
        assert {each.inputs["forceDelete"] for each in stacks.stack(name).of("aws:ecr/repository:Repository")} == {
            expected
        }


def test_11_there_is_no_cloud_map_service_that_could_not_be_deleted() -> None:
    kinds = {each.type for each in stacks.stack("staging").resources if "servicediscovery" in each.type}
    assert kinds == {"aws:servicediscovery/httpNamespace:HttpNamespace"}


def test_12_groups_wait_for_the_interfaces_of_tasks() -> None:
    run = stacks.stack("staging")
    for each in [*run.of("aws:ec2/securityGroup:SecurityGroup"), *run.of("aws:ec2/subnet:Subnet")]:
        assert each.options.customTimeouts.delete == "30m", each.urn
    for group in run.of("aws:ec2/securityGroup:SecurityGroup"):
        if group.name != "endpoints":
            assert group.inputs["revokeRulesOnDelete"] is True


def test_13_a_protected_cluster_leaves_a_snapshot_of_a_name_of_its_own() -> None:
    cluster = stacks.stack("production").one("aws:docdb/cluster:Cluster")
    assert cluster.inputs["skipFinalSnapshot"] is False
    assert cluster.inputs["finalSnapshotIdentifier"] == "aex-docdb-final-final-snapshot.hex"
    assert cluster.inputs["deletionProtection"] is True
    assert cluster.options.protect


def test_16_a_policy_goes_before_its_role_which_aws_keeps_as_long_as_it_has_one() -> None:
    for policy in stacks.stack("staging").of("aws:iam/rolePolicy:RolePolicy"):
        assert not policy.options.deletedWith, policy.urn


def test_17_a_task_definition_is_read_back_as_it_was_written() -> None:
    for definition in stacks.stack("production").of(DEFINITION):
        text = definition.inputs["containerDefinitions"]
        assert text == json.dumps(json.loads(text), sort_keys=True)
        assert "null" not in text


@pytest.mark.parametrize("name", ["staging", "pr-12"])
def test_18_nothing_is_declared_only_once_values_are_known(name: str) -> None:
    assert stacks.stack(name).resources  # the mocks compare a preview with an update


def test_19_the_mocks_notice_a_misspelled_argument_deep_inside_of_a_component() -> None:
    class Wrong(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("test:x:Wrong", "wrong")
            aws.ecs.Service("s", deployment_circuit_breaker={"enabled": True}, opts=pulumi.ResourceOptions(parent=self))  # pyright: ignore
            self.register_outputs({})

    with pytest.raises(StrictError, match=r"deploymentCircuitBreaker\.enabled is not an argument"):
        declared(Wrong)


def test_20_the_firewall_lets_the_contracts_own_traffic_through() -> None:
    (acl,) = stacks.stack("production").of("aws:wafv2/webAcl:WebAcl")
    counted = {
        override["name"]
        for rule in acl.inputs["rules"]
        for override in rule["statement"].get("managedRuleGroupStatement", {}).get("ruleActionOverrides", [])
        if "count" in override["actionToUse"]
    }
    assert {"SizeRestrictions_BODY", "NoUserAgent_HEADER"} <= counted
    blocking = {rule["name"]: rule for rule in acl.inputs["rules"]}
    assert blocking["rate"]["action"]["block"]["customResponse"] == {"responseCode": 429}
    assert "none" in blocking["AWSManagedRulesKnownBadInputsRuleSet"]["overrideAction"]


def test_20_the_firewall_can_count_before_it_blocks() -> None:
    counting = {**stacks.STACKS["production"], "firewall": "count"}
    acl = stacks.run_of(stacks.settings_of("production", counting)).one("aws:wafv2/webAcl:WebAcl")
    for rule in acl.inputs["rules"]:
        assert "count" in rule.get("overrideAction", rule.get("action"))
    assert stacks.stack("staging").of("aws:wafv2/webAcl:WebAcl") == []


def test_every_trap_of_aws_has_a_test() -> None:
    numbers = {int(found[1]) for name in globals() if (found := re.match(r"test_(\d+)_", name))}
    assert numbers == set(range(1, 21)) - {6, 7, 8, 14, 15}
