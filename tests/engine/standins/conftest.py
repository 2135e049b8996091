"""What the tests of the stand-in for AWS begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.standins.aws.bare import GROUP, SUBNET, TAGS, VPC, Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    try:
        yield made
    finally:
        made.account.close()


@pytest.fixture
def network(cloud: Cloud) -> Cloud:
    """A VPC with two subnets, a gateway and a group."""
    vpc = cloud.create(VPC, "vpc", cidrBlock="10.0.0.0/16", enableDnsSupport=True, enableDnsHostnames=True, **TAGS)
    for name, zone_name, block in (("a", "us-east-1a", "10.0.0.0/20"), ("b", "us-east-1b", "10.0.16.0/20")):
        cloud.create(SUBNET, name, vpcId=vpc.id, availabilityZone=zone_name, cidrBlock=block, **TAGS)
    cloud.create("aws:ec2/internetGateway:InternetGateway", "internet", vpcId=vpc.id, **TAGS)
    cloud.create(GROUP, "group", name="aex", description="a group", vpcId=vpc.id, revokeRulesOnDelete=True, **TAGS)
    return cloud
