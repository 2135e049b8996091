"""VPC, subnets, routes, gateways, endpoints, flow logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.components.protocol import Plain
from tests.engine.standins.aws import guards
from tests.engine.standins.aws.kind import Also, AwsKind, Call, Facts, Row
from tests.engine.standins.traits import Traits, fixed


def tagged(kind: str) -> Mapping[str, Any]:
    """EC2's way to tag what is being created."""
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": "{tag_list}"}]}


def _prefix_list(kind: AwsKind, found: Any, facts: Facts) -> Plain:
    named = guards.filters(prefix_list_name=found["ServiceName"])
    lists = kind.call("describe_managed_prefix_lists", Filters=named)["PrefixLists"]
    return str(lists[0]["PrefixListId"]) if lists and found["VpcEndpointType"] == "Gateway" else None


def _delete_nat_gateway(kind: AwsKind, facts: Facts) -> None:
    (found,) = kind.call("describe_nat_gateways", NatGatewayIds=[facts["id"]])["NatGateways"]
    kind.call("delete_nat_gateway", NatGatewayId=facts["id"])
    for each in found["NatGatewayAddresses"]:
        # moto leaves it behind; AWS does not.
        kind.call("delete_network_interface", NetworkInterfaceId=each["NetworkInterfaceId"])


def _flow_log(inputs: Mapping[str, Plain]) -> dict[str, Any]:
    return {
        "ResourceIds": [inputs["vpcId"]],
        "ResourceType": "VPC",
        "TrafficType": inputs["trafficType"],
        "LogDestinationType": inputs["logDestinationType"],
        "LogDestination": inputs["logDestination"],
        "DeliverLogsPermissionArn": inputs["iamRoleArn"],
        "MaxAggregationInterval": inputs["maxAggregationInterval"],
    }


def _attribute(key: str, parameter: str) -> Also:
    more = {"VpcId": "{id}", parameter: {"Value": f"{{{key}}}"}}
    return Also([key], Call("modify_vpc_attribute", only=(), more=more))


_ARN = "arn:aws:ec2:{region}:{account}:"

ROWS = {
    "aws:ec2/vpc:Vpc": Row(
        service="ec2",
        create=Call("create_vpc", skip=["tags"], more=tagged("vpc")),
        id="Vpc.VpcId",
        also=(
            _attribute("enableDnsSupport", "EnableDnsSupport"),
            _attribute("enableDnsHostnames", "EnableDnsHostnames"),
        ),
        read=("describe_vpcs", {"VpcIds": ["{id}"]}, "Vpcs[0]"),
        delete=("delete_vpc", {"VpcId": "{id}"}),
        outputs={"arn": _ARN + "vpc/{id}"},
        before_delete=guards.vpc_is_empty,
        traits=Traits(replace_on=fixed("cidrBlock")),
    ),
    "aws:ec2/subnet:Subnet": Row(
        service="ec2",
        create=Call("create_subnet", skip=["tags"], more=tagged("subnet")),
        id="Subnet.SubnetId",
        also=(
            Also(
                ["mapPublicIpOnLaunch"],
                Call(
                    "modify_subnet_attribute",
                    only=(),
                    more={"SubnetId": "{id}", "MapPublicIpOnLaunch": {"Value": "{mapPublicIpOnLaunch}"}},
                ),
            ),
        ),
        read=("describe_subnets", {"SubnetIds": ["{id}"]}, "Subnets[0]"),
        delete=("delete_subnet", {"SubnetId": "{id}"}),
        outputs={"arn": "SubnetArn"},
        before_delete=guards.subnet_is_unused,
        traits=Traits(replace_on=fixed("vpcId", "cidrBlock", "availabilityZone")),
    ),
    "aws:ec2/internetGateway:InternetGateway": Row(
        service="ec2",
        create=Call("create_internet_gateway", skip=["tags"], more=tagged("internet-gateway")),
        id="InternetGateway.InternetGatewayId",
        also=(
            Also(
                ["vpcId"],
                Call("attach_internet_gateway", only=(), more={"InternetGatewayId": "{id}", "VpcId": "{vpcId}"}),
            ),
        ),
        read=("describe_internet_gateways", {"InternetGatewayIds": ["{id}"]}, "InternetGateways[0]"),
        delete=("delete_internet_gateway", {"InternetGatewayId": "{id}"}),
        outputs={"arn": _ARN + "internet-gateway/{id}"},
        before_delete=guards.gateway_is_unused,
        traits=Traits(replace_on=fixed("vpcId")),
    ),
    "aws:ec2/eip:Eip": Row(
        service="ec2",
        create=Call("allocate_address", skip=["tags"], more=tagged("elastic-ip")),
        id="AllocationId",
        read=("describe_addresses", {"AllocationIds": ["{id}"]}, "Addresses[0]"),
        delete=("release_address", {"AllocationId": "{id}"}),
        outputs={"arn": _ARN + "elastic-ip/{id}"},
        before_delete=guards.address_is_unused,
        traits=Traits(replace_on=fixed("domain")),
    ),
    "aws:ec2/natGateway:NatGateway": Row(
        service="ec2",
        create=Call("create_nat_gateway", skip=["tags"], more=tagged("natgateway")),
        id="NatGateway.NatGatewayId",
        read=("describe_nat_gateways", {"NatGatewayIds": ["{id}"]}, "NatGateways[?State!='deleted']|[0]"),
        delete=_delete_nat_gateway,
        outputs={"publicIp": "NatGatewayAddresses[0].PublicIp", "privateIp": "NatGatewayAddresses[0].PrivateIp"},
        traits=Traits(replace_on=fixed("subnetId", "allocationId", "connectivityType")),
    ),
    "aws:ec2/routeTable:RouteTable": Row(
        service="ec2",
        create=Call("create_route_table", skip=["tags"], more=tagged("route-table")),
        id="RouteTable.RouteTableId",
        read=("describe_route_tables", {"RouteTableIds": ["{id}"]}, "RouteTables[0]"),
        delete=("delete_route_table", {"RouteTableId": "{id}"}),
        outputs={"arn": _ARN + "route-table/{id}"},
        before_delete=guards.table_is_unused,
        traits=Traits(replace_on=fixed("vpcId")),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Row(
        service="ec2",
        create=Call("associate_route_table"),
        id="AssociationId",
        read=(
            "describe_route_tables",
            {"RouteTableIds": ["{routeTableId}"]},
            "RouteTables[0].Associations[?RouteTableAssociationId=='<id>']|[0]",
        ),
        delete=("disassociate_route_table", {"AssociationId": "{id}"}),
        traits=Traits(replace_on=fixed("subnetId", "gatewayId")),
    ),
    "aws:ec2/route:Route": Row(
        service="ec2",
        create=Call("create_route"),
        id="r-{routeTableId}-{destinationCidrBlock}",
        read=(
            "describe_route_tables",
            {"RouteTableIds": ["{routeTableId}"]},
            "RouteTables[0].Routes[?DestinationCidrBlock=='<destinationCidrBlock>']|[0]",
        ),
        update=Call("replace_route"),
        whole=True,
        delete=(
            "delete_route",
            {"RouteTableId": "{routeTableId}", "DestinationCidrBlock": "{destinationCidrBlock}"},
        ),
        traits=Traits(replace_on=fixed("routeTableId", "destinationCidrBlock")),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Row(
        service="ec2",
        create=Call("create_vpc_endpoint", {"policy": "PolicyDocument"}, skip=["tags"], more=tagged("vpc-endpoint")),
        id="VpcEndpoint.VpcEndpointId",
        read=("describe_vpc_endpoints", {"VpcEndpointIds": ["{id}"]}, "VpcEndpoints[?State!='deleted']|[0]"),
        # Subnets can only be added to ours: zones are added and never taken away.
        update=Call(
            "modify_vpc_endpoint",
            {"policy": "PolicyDocument", "subnetIds": "AddSubnetIds"},
            more={"VpcEndpointId": "{id}"},
        ),
        delete=("delete_vpc_endpoints", {"VpcEndpointIds": ["{id}"]}),
        outputs={"arn": _ARN + "vpc-endpoint/{id}", "prefixListId": _prefix_list},
        traits=Traits(replace_on=fixed("vpcId", "serviceName", "vpcEndpointType")),
    ),
    "aws:ec2/flowLog:FlowLog": Row(
        service="ec2",
        create=Call("create_flow_logs", skip=["tags"], build=_flow_log, more=tagged("vpc-flow-log")),
        id="FlowLogIds[0]",
        read=("describe_flow_logs", {"FlowLogIds": ["{id}"]}, "FlowLogs[0]"),
        delete=("delete_flow_logs", {"FlowLogIds": ["{id}"]}),
        outputs={"arn": _ARN + "vpc-flow-log/{id}"},
        traits=Traits(
            replace_on=fixed(
                "vpcId", "trafficType", "logDestinationType", "logDestination", "iamRoleArn", "maxAggregationInterval"
            )
        ),
    ),
}

__all__ = ["ROWS", "tagged"]
