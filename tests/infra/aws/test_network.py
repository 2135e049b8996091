"""The network of a stack: addresses, zones, and what leads where."""

import ipaddress

import pytest

from infra.aws.addresses import plan
from tests.infra.aws import stacks


@pytest.mark.parametrize("cidr", ["10.20.0.0/16", "172.16.0.0/20"])
@pytest.mark.parametrize("zones", [2, 3, 4])
def test_addresses_leave_room_and_never_overlap(cidr: str, zones: int) -> None:
    made = plan(cidr, zones)
    networks = [ipaddress.IPv4Network(block) for block in (*made.private, *made.public, *made.data)]
    assert len(networks) == 3 * zones
    assert all(network.subnet_of(ipaddress.IPv4Network(cidr)) for network in networks)
    assert not any(a.overlaps(b) for at, a in enumerate(networks) for b in networks[at + 1 :])
    used = sum(network.num_addresses for network in networks)
    assert used <= ipaddress.IPv4Network(cidr).num_addresses * 3 // 4
    with pytest.raises(ValueError, match="use 2 to 4"):
        plan(cidr, 5)


def test_data_subnets_lead_nowhere() -> None:
    run = stacks.stack("production")
    assert not [each for each in run.of("aws:ec2/route:Route") if each.inputs["routeTableId"] == "data-id"]
    assert {each.inputs["routeTableId"] for each in run.of("aws:ec2/routeTableAssociation:RouteTableAssociation")} == {
        "data-id",
        "public-id",
        "private-us-east-1a-id",
        "private-us-east-1b-id",
    }
    default = run.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert (default["ingress"], default["egress"]) == ([], [])
    assert not [each for each in run.of("aws:ec2/subnet:Subnet") if each.inputs["mapPublicIpOnLaunch"]]


def test_production_survives_a_zone() -> None:
    run = stacks.stack("production")
    gateways = {each.inputs["subnetId"] for each in run.of("aws:ec2/natGateway:NatGateway")}
    assert gateways == {"public-us-east-1a-id", "public-us-east-1b-id"}
    zones = {each.inputs["availabilityZone"] for each in run.of("aws:docdb/clusterInstance:ClusterInstance")}
    assert zones == {"us-east-1a", "us-east-1b"}
    classes = {each.inputs["instanceClass"] for each in run.of("aws:docdb/clusterInstance:ClusterInstance")}
    assert classes == {"db.r6g.large"}
    assert len(stacks.stack("staging").of("aws:ec2/natGateway:NatGateway")) == 1
