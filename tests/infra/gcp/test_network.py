"""The network: calls between services stay inside, nothing else is open."""

import ipaddress
import re

import pytest

from tests.infra.gcp.stacks import PROJECT, REGION, SERVICE, run_of, settings_of, stack

SUBNET, FIREWALL = "gcp:compute/subnetwork:Subnetwork", "gcp:compute/firewall:Firewall"
ZONE, RECORD = "gcp:dns/managedZone:ManagedZone", "gcp:dns/recordSet:RecordSet"


@pytest.mark.parametrize("name", ["staging", "production"])
def test_run_app_is_inside_the_network_and_its_addresses_are_let_out(name: str) -> None:
    run = stack(name)
    zone = run.one(ZONE)
    assert (zone.inputs["dnsName"], zone.inputs["visibility"]) == ("run.app.", "private")
    assert len(zone.inputs["privateVisibilityConfig"]["networks"]) == 1
    (addresses,) = (each.inputs["rrdatas"] for each in run.of(RECORD) if each.inputs["type"] == "A")
    (alias,) = (each.inputs for each in run.of(RECORD) if each.inputs["type"] == "CNAME")
    assert (alias["name"], alias["rrdatas"]) == ("*.run.app.", ["run.app."])
    (allowed,) = (each.inputs for each in run.of(FIREWALL) if "allows" in each.inputs)
    assert allowed["allows"] == [{"protocol": "tcp", "ports": ["443"]}]
    (out,) = (ipaddress.ip_network(each) for each in allowed["destinationRanges"])
    assert {ipaddress.ip_address(each) for each in addresses} == set(out)


def test_everything_else_is_closed_both_ways() -> None:
    run = stack("production")
    denied = {each.inputs["direction"]: each.inputs for each in run.of(FIREWALL) if each.inputs.get("denies")}
    assert set(denied) == {"INGRESS", "EGRESS"}
    for rule in denied.values():
        assert rule["denies"] == [{"protocol": "all"}]
        assert rule["priority"] > 1000
    assert denied["INGRESS"]["sourceRanges"] == ["0.0.0.0/0"]
    assert denied["EGRESS"]["destinationRanges"] == ["0.0.0.0/0"]


def test_services_reach_the_network_directly_with_private_ranges_only() -> None:
    for service in stack("staging").of(SERVICE):
        access = service.inputs["template"]["vpcAccess"]
        assert access["egress"] == "PRIVATE_RANGES_ONLY"
        assert len(access["networkInterfaces"]) == 1
        assert "connector" not in access


def test_the_subnet_is_private_logged_and_large_enough() -> None:
    subnet = stack("production").one(SUBNET)
    assert subnet.inputs["privateIpGoogleAccess"] is True
    assert ipaddress.ip_network(subnet.inputs["ipCidrRange"]).prefixlen <= 26
    assert subnet.inputs["logConfig"]["flowSampling"] > 0
    assert stack("production").one("gcp:compute/network:Network").inputs["autoCreateSubnetworks"] is False


def test_an_ephemeral_stack_has_no_subnet_that_could_outlast_its_services() -> None:
    # The trap: Google keeps addresses of direct egress for up to two hours after the services are gone.
    run = stack("pr-12")
    assert not run.of(SUBNET) and not run.of("gcp:compute/network:Network")


def test_services_go_before_the_network() -> None:
    run = stack("staging")
    for service in run.of(SERVICE):
        assert run.one(SUBNET).urn in service.options.propertyDependencies["template"].urns


def test_a_connector_is_the_alternative() -> None:
    run = run_of(settings_of("staging", {"network": {"egress": "connector"}}))
    connector = run.one("gcp:vpcaccess/connector:Connector").inputs
    # Less than 21 characters, of which each hyphen counts as two: `aex-connector-staging` would be 23.
    assert re.fullmatch(r"aex-conne-[0-9a-f]{8}", connector["name"])
    assert ipaddress.ip_network(connector["ipCidrRange"]).prefixlen == 28
    assert (connector["minInstances"], connector["maxInstances"]) == (2, 3)
    for service in run.of(SERVICE):
        access = service.inputs["template"]["vpcAccess"]
        assert access["connector"]
        assert "networkInterfaces" not in access
        assert access["egress"] == "PRIVATE_RANGES_ONLY"
    job = run.one("gcp:cloudrunv2/job:Job").inputs["template"]["template"]
    assert job["vpcAccess"]["connector"]


def test_a_fixed_address_sends_everything_through_the_network() -> None:
    assert not stack("production").of("gcp:compute/routerNat:RouterNat"), "no service needs one"
    run = run_of(settings_of("staging", {"network": {"nat": True}}))
    assert run.one("gcp:compute/routerNat:RouterNat").inputs["natIpAllocateOption"] == "MANUAL_ONLY"
    (allowed,) = (each.inputs for each in run.of(FIREWALL) if "allows" in each.inputs)
    assert "0.0.0.0/0" in allowed["destinationRanges"]
    for service in run.of(SERVICE):
        assert service.inputs["template"]["vpcAccess"]["egress"] == "ALL_TRAFFIC"


def test_the_scheduler_calls_duties_at_run_app_with_a_token_for_that_address() -> None:
    run = stack("production")
    jobs = run.of("gcp:cloudscheduler/job:Job")
    assert {each.name for each in jobs} == {
        f"{service}-duties"
        for service in (
            "aex-telemetry",
            "aex-settlement",
            "aex-work-publisher",
            "aex-bid-gateway",
            "aex-bid-evaluator",
            "aex-contract-engine",
        )
    }
    for job in jobs:
        target = job.inputs["httpTarget"]
        audience = target["oidcToken"]["audience"]
        assert audience.endswith(f".{REGION}.run.app")
        assert target["uri"] == f"{audience}/internal/v1/duties/run"
        assert target["httpMethod"] == "POST"
        assert target["oidcToken"]["serviceAccountEmail"] == f"aex-scheduler@{PROJECT}.iam.gserviceaccount.com"


def test_the_scheduler_can_be_in_another_region_than_what_it_calls() -> None:
    run = run_of(settings_of("dev-x", {"schedulerRegion": "europe-west1"}, **{"gcp:region": "europe-north1"}))
    for job in run.of("gcp:cloudscheduler/job:Job"):
        assert job.inputs["region"] == "europe-west1"
        assert job.inputs["httpTarget"]["uri"].startswith("https://") and "europe-north1.run.app" in str(job.inputs)
    assert {each.inputs["location"] for each in run.of(SERVICE)} == {"europe-north1"}
