"""The stand-in for AWS itself: what it applies, what it refuses, what it sees, without the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.components.protocol import Context, ProviderError, Resource
from tests.engine.standins.aws import ROWS, left_behind
from tests.engine.standins.aws.account import ACCOUNT
from tests.engine.standins.aws.bare import GROUP, SUBNET, TAGS, VPC, Cloud, id_of
from tests.engine.standins.aws.echoed import ECHOED
from tests.engine.standins.aws.preparations import zone
from tests.engine.standins.world import Thing

INVENTORY = Path(__file__).parents[2] / "inventory"
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
        ],
    }
)


def test_every_type_of_every_stack_has_a_row():
    declared = {
        token
        for file in INVENTORY.glob("aws-*.yaml")
        for token in yaml.safe_load(file.read_text())["types"]
        if token.startswith("aws:")
    }
    assert declared - ROWS.keys() - ECHOED.keys() == set()


class TestApplying:
    def test_ids_and_arns_are_motos(self, network: Cloud):
        (found,) = network.account.client("ec2").describe_vpcs(VpcIds=[id_of(network, "vpc")])["Vpcs"]
        assert found["CidrBlock"] == "10.0.0.0/16"
        assert network.made["vpc"][1].outputs["arn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/{found['VpcId']}"
        attribute = network.account.client("ec2").describe_vpc_attribute(
            VpcId=found["VpcId"], Attribute="enableDnsHostnames"
        )
        assert attribute["EnableDnsHostnames"] == {"Value": True}

    def test_a_new_group_reaches_nothing(self, network: Cloud):
        assert (
            network.account.client("ec2").describe_security_groups(GroupIds=[id_of(network, "group")])[
                "SecurityGroups"
            ][0]["IpPermissionsEgress"]
            == []
        )

    def test_what_a_subnet_is_in_must_exist(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="InvalidVpcID"):
            cloud.create(
                SUBNET, "lost", vpcId="vpc-0123", availabilityZone="us-east-1a", cidrBlock="10.0.0.0/20", **TAGS
            )

    def test_a_block_outside_of_its_network_is_refused(self, network: Cloud):
        with pytest.raises(ProviderError, match="CIDR"):
            network.create(
                SUBNET,
                "far",
                vpcId=id_of(network, "vpc"),
                availabilityZone="us-east-1a",
                cidrBlock="10.9.0.0/20",
                **TAGS,
            )

    def test_a_policy_that_is_no_policy_is_refused_and_nothing_is_left(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="MalformedPolicyDocument"):
            cloud.create("aws:iam/role:Role", "role", name="r", assumeRolePolicy="{'no': json}")
        assert left_behind(cloud.account) == []

    def test_a_role_without_its_boundary_is_refused(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="NoSuchEntity"):
            cloud.create(
                "aws:iam/role:Role",
                "role",
                name="r",
                assumeRolePolicy=TRUST,
                permissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/other",
            )

    def test_a_value_that_aws_does_not_take_is_refused_by_botocore(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="MaxSessionDuration"):
            cloud.create("aws:iam/role:Role", "role", name="r", assumeRolePolicy=TRUST, maxSessionDuration=1)

    def test_an_alarm_over_alarms_needs_them(self, cloud: Cloud):
        inputs = {"alarmName": "both", "alarmRule": 'ALARM("one")'}
        token = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
        with pytest.raises(ProviderError, match="do not exist"):
            cloud.create(token, "both", **inputs)
        cloud.create(
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            "one",
            name="one",
            comparisonOperator="GreaterThanThreshold",
            evaluationPeriods=1,
            threshold=1,
            metricName="m",
            namespace="n",
            period=60,
            statistic="Sum",
        )
        assert cloud.create(token, "both", **inputs).id == "both"

    def test_what_fails_half_way_is_taken_back(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="InvalidVpcID"):
            cloud.create("aws:ec2/internetGateway:InternetGateway", "internet", vpcId="vpc-0123", **TAGS)
        assert left_behind(cloud.account) == []


class TestUpdating:
    def test_only_what_has_changed_is_said(self, cloud: Cloud):
        cloud.create("aws:cloudwatch/logGroup:LogGroup", "logs", name="/ecs/aex", retentionInDays=7, **TAGS)
        cloud.update("logs", retentionInDays=30, tags={"Name": "other"})
        logs = cloud.account.client("logs")
        assert logs.describe_log_groups(logGroupNamePrefix="/ecs/aex")["logGroups"][0]["retentionInDays"] == 30
        assert logs.list_tags_log_group(logGroupName="/ecs/aex")["tags"]["Name"] == "other"

    def test_what_the_table_does_not_know_is_an_error_and_no_silence(self, network: Cloud):
        with pytest.raises(ProviderError, match="does not know how AWS changes"):
            network.update("a", privateDnsHostnameTypeOnLaunch="ip-name")


class TestSeeing:
    def test_what_was_changed_behind_the_engines_back(self, cloud: Cloud):
        cloud.create("aws:iam/role:Role", "role", name="r", description="ours", assumeRolePolicy=TRUST)
        unchanged = cloud.read("role")
        assert unchanged == cloud.made["role"][1].outputs
        cloud.account.client("iam").update_role(RoleName="r", Description="theirs")
        changed = cloud.read("role")
        assert changed is not None
        assert changed["description"] == "theirs"
        cloud.made["role"] = (
            "aws:iam/role:Role",
            Resource(cloud.urn("aws:iam/role:Role", "role"), "r", cloud.made["role"][1].inputs, changed),
        )
        cloud.update("role")
        assert cloud.account.client("iam").get_role(RoleName="r")["Role"]["Description"] == "ours"

    def test_what_was_deleted_behind_the_engines_back(self, cloud: Cloud):
        cloud.create("aws:iam/role:Role", "role", name="r", assumeRolePolicy=TRUST)
        cloud.account.client("iam").delete_role(RoleName="r")
        assert cloud.read("role") is None
        assert cloud.world.things() == []


class TestDeleting:
    def test_all_goes_in_the_right_order(self, network: Cloud):
        for name in ("group", "internet", "a", "b", "vpc"):
            network.delete(name)
        assert left_behind(network.account) == []
        network.provider.kind(VPC).delete(Context(), network.made["vpc"][1])

    @pytest.mark.parametrize("name", ["vpc"])
    def test_a_network_with_something_in_it_stays(self, network: Cloud, name: str):
        with pytest.raises(ProviderError, match="DependencyViolation"):
            network.delete(name)

    def test_a_network_with_a_gateway_or_a_group_stays(self, network: Cloud):
        network.delete("a")
        network.delete("b")
        with pytest.raises(ProviderError, match=id_of(network, "group")):
            network.delete("vpc")
        network.delete("group")
        with pytest.raises(ProviderError, match=id_of(network, "internet")):
            network.delete("vpc")

    def test_a_nat_gateway_keeps_its_address_its_subnet_and_the_internet_gateway(self, network: Cloud):
        address = network.create("aws:ec2/eip:Eip", "address", domain="vpc", **TAGS)
        network.create(
            "aws:ec2/natGateway:NatGateway",
            "nat",
            allocationId=address.id,
            subnetId=id_of(network, "a"),
            connectivityType="public",
            **TAGS,
        )
        for name, code in (("address", "InUse"), ("a", "DependencyViolation"), ("internet", "DependencyViolation")):
            with pytest.raises(ProviderError, match=code):
                network.delete(name)
        for name in ("nat", "address", "a", "internet"):
            network.delete(name)

    def test_a_group_that_another_one_names_stays(self, network: Cloud):
        other = network.create(GROUP, "other", name="other", description="a group", vpcId=id_of(network, "vpc"), **TAGS)
        network.create(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "rule",
            securityGroupId=other.id,
            referencedSecurityGroupId=id_of(network, "group"),
            ipProtocol="tcp",
            fromPort=8080,
            toPort=8080,
            **TAGS,
        )
        with pytest.raises(ProviderError, match="dependent object"):
            network.delete("group")
        network.delete("rule")
        network.delete("group")

    def test_a_protected_load_balancer_stays_and_so_does_what_it_is_in(self, network: Cloud):
        network.create(
            "aws:lb/loadBalancer:LoadBalancer",
            "door",
            name="aex-alb",
            loadBalancerType="application",
            subnets=[id_of(network, "a"), id_of(network, "b")],
            securityGroups=[id_of(network, "group")],
            enableDeletionProtection=True,
            **TAGS,
        )
        for name, code in (
            ("door", "OperationNotPermitted"),
            ("group", "dependent object"),
            ("b", "DependencyViolation"),
        ):
            with pytest.raises(ProviderError, match=code):
                network.delete(name)
        network.update("door", enableDeletionProtection=False)
        for name in ("door", "group", "b"):
            network.delete(name)

    def test_a_repository_with_images_and_a_bucket_with_objects_stay(self, cloud: Cloud):
        cloud.create("aws:ecr/repository:Repository", "images", name="agent-exchange/x", forceDelete=False)
        cloud.account.client("ecr").put_image(repositoryName="agent-exchange/x", imageManifest=MANIFEST, imageTag="1")
        cloud.create("aws:s3/bucket:Bucket", "logs", bucket="aex-logs", forceDestroy=False)
        cloud.account.client("s3").put_object(Bucket="aex-logs", Key="a", Body=b"a")
        with pytest.raises(ProviderError, match="RepositoryNotEmpty"):
            cloud.delete("images")
        with pytest.raises(ProviderError, match="BucketNotEmpty"):
            cloud.delete("logs")
        for name, key in (("images", "forceDelete"), ("logs", "forceDestroy")):
            cloud.update(name, **{key: True})
            cloud.delete(name)
        assert left_behind(cloud.account) == []

    def test_a_policy_that_is_attached_stays(self, cloud: Cloud):
        policy = cloud.create("aws:iam/policy:Policy", "policy", name="p", policy=json.dumps(ALLOW))
        cloud.create("aws:iam/role:Role", "role", name="r", assumeRolePolicy=TRUST)
        cloud.create("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "attached", role="r", policyArn=policy.id)
        for name in ("policy", "role"):
            with pytest.raises(ProviderError, match="DeleteConflict"):
                cloud.delete(name)
        for name in ("attached", "policy", "role"):
            cloud.delete(name)


ALLOW = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}],
}


class TestNames:
    def test_a_certificate_waits_for_its_record(self, cloud: Cloud):
        where = zone(cloud.account, "example.org")
        certificate = cloud.create(
            "aws:acm/certificate:Certificate", "certificate", domainName="aex.example.org", validationMethod="DNS"
        )
        options: Any = certificate.outputs["domainValidationOptions"]
        waiting = {"certificateArn": certificate.id}
        with pytest.raises(ProviderError, match="PENDING_VALIDATION"):
            cloud.create("aws:acm/certificateValidation:CertificateValidation", "valid", **waiting)
        cloud.create(
            "aws:route53/record:Record",
            "proof",
            zoneId=where,
            name=options[0]["resourceRecordName"],
            type="CNAME",
            ttl=300,
            records=[options[0]["resourceRecordValue"]],
        )
        cloud.create("aws:acm/certificateValidation:CertificateValidation", "valid", **waiting)

    def test_a_zone_that_nobody_has_is_said_to_be_missing(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="no matching Route53Zone"):
            cloud.provider.function("aws:route53/getZone:getZone")({"name": "example.org"})


def test_a_thing_of_the_world_is_what_moto_has(cloud: Cloud):
    cloud.create("aws:sns/topic:Topic", "topic", name="alarms")
    (thing,) = cloud.world.things()
    assert isinstance(thing, Thing)
    assert thing.id == f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
