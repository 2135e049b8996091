"""The arithmetic of costs, on resources few enough to do by hand. What is expected is written in dollars."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.costs import TRAFFIC, by_group, by_type, dollars, formula, table, traffic
from bench.priced import PRICED, Stack, UnpricedError, number, parts, spot_share
from bench.prices import FREE, PRICES, USE
from tools.graph import Node, graph

DOCS = Path(__file__).parents[2] / "docs"
ON_DEMAND = {"base": 0, "capacityProvider": "FARGATE", "weight": 1}


def _node(token: str, name: str = "a", **inputs: object) -> Node:
    return Node(f"urn:pulumi:s::p::{token}::{name}", token, frozenset(), inputs=inputs)


def _fargate(name: str, count: int, architecture: str = "X86_64", *strategies: object) -> list[Node]:
    size = {"cpu": "512", "memory": "1024", "runtimePlatform": {"cpuArchitecture": architecture}}
    return [
        _node("aws:ecs/taskDefinition:TaskDefinition", name, **size),
        _node(
            "aws:ecs/service:Service", name, desiredCount=count, capacityProviderStrategies=strategies or [ON_DEMAND]
        ),
    ]


def _run(name: str, minimum: int, *, idle: bool = True) -> Node:
    container = {
        "resources": {"cpuIdle": idle, "limits": {"cpu": "1", "memory": "512Mi"}},
        "livenessProbe": {"periodSeconds": 10},
    }
    return _node(
        "gcp:cloudrunv2/service:Service",
        name,
        scaling={"minInstanceCount": minimum},
        template={"containers": [container]},
    )


def test_tasks_cost_their_vcpu_and_memory_by_the_hour() -> None:
    # 2 tasks x 730 h x (0.5 x 0.04048 + 1 x 0.004445) = 36.04
    assert by_group(_fargate("a", 2), "aws")["compute"] == pytest.approx(36.04, abs=0.01)
    # 730 h x (0.5 x 0.03238 + 0.00356) = 14.42
    assert by_group(_fargate("a", 1, "ARM64"), "aws")["compute"] == pytest.approx(14.42, abs=0.01)


def test_spot_takes_what_the_base_leaves() -> None:
    one_on_demand = [
        {"base": 1, "capacityProvider": "FARGATE", "weight": 0},
        {"base": 0, "capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    assert spot_share(one_on_demand, 1) == 0
    assert spot_share(one_on_demand, 4) == 0.75
    assert spot_share([ON_DEMAND, {"capacityProvider": "FARGATE_SPOT", "weight": 3}], 8) == 0.75
    assert spot_share([ON_DEMAND], 0) == 0
    # 18.02 a task; one in full, three at 30 %: 18.02 x 1.9 = 34.24
    assert by_group(_fargate("a", 4, "X86_64", *one_on_demand), "aws")["compute"] == pytest.approx(34.24, abs=0.01)


def test_a_network_costs_its_gateways_and_its_endpoints_in_each_zone() -> None:
    endpoint = "aws:ec2/vpcEndpoint:VpcEndpoint"
    costs = by_group(
        [
            _node("aws:ec2/natGateway:NatGateway"),
            _node("aws:ec2/eip:Eip"),
            _node(endpoint, "ecr", vpcEndpointType="Interface", subnetIds=["a", "b"]),
            _node(endpoint, "s3", vpcEndpointType="Gateway", routeTableIds=["a"]),
            _node("aws:lb/loadBalancer:LoadBalancer", internal=False, subnets=["a", "b"]),
            _node("aws:wafv2/webAcl:WebAcl", rules=[{}, {}]),
        ],
        "aws",
    )
    assert costs["network: NAT"] == pytest.approx(32.85 + 3.65)
    assert costs["network: private endpoints"] == pytest.approx(14.60)
    assert costs["network: load balancer, firewall, names"] == pytest.approx(16.425 + 2 * 3.65 + 5 + 2)
    assert costs["compute"] == 0


def test_a_database_costs_its_instances_and_its_password() -> None:
    instance = "aws:docdb/clusterInstance:ClusterInstance"
    costs = by_group(
        [
            _node("aws:docdb/cluster:Cluster", manageMasterUserPassword=True),
            _node(instance, "1", instanceClass="db.t4g.medium"),
            _node(instance, "2", instanceClass="db.t4g.medium"),
        ],
        "aws",
    )
    # 2 x 730 h x 0.07566 = 110.46, and 10 GB at 0.10
    assert costs["database"] == pytest.approx(111.46, abs=0.01)
    assert costs["secrets and keys"] == pytest.approx(0.40)


def test_an_alarm_costs_as_many_metrics_as_it_reads_and_tracking_makes_two() -> None:
    alarm = "aws:cloudwatch/metricAlarm:MetricAlarm"
    queries = [{"expression": "m1 / m2"}, *({"metric": {"metricName": name}} for name in "ab")]
    costs = by_group(
        [
            _node(alarm, "plain", metricName="CPUUtilization"),
            _node(alarm, "rate", metricQueries=queries),
            _node("aws:appautoscaling/policy:Policy", policyType="TargetTrackingScaling"),
        ],
        "aws",
    )
    assert costs["logs, metrics, alarms"] == pytest.approx(0.10 + 0.20 + 0.20)


def test_cloud_run_by_request_bills_probes_in_full_and_waiting_at_the_idle_price() -> None:
    # 262,800 probes of 0.1 s are 26,280 s at 0.000024 + 0.5 x 0.0000025; the other 2,601,720 s at 1.5 x 0.0000025.
    assert by_group([_run("a", 1)], "gcp")["compute"] == pytest.approx(0.6636 + 9.7565, abs=0.001)
    assert by_group([_run("a", 0)], "gcp")["compute"] == 0


def test_cloud_run_by_instance_bills_all_of_the_time() -> None:
    # 2 x 2,628,000 s x (0.000018 + 0.5 x 0.000002) = 99.86
    assert by_group([_run("a", 2, idle=False)], "gcp")["compute"] == pytest.approx(99.86, abs=0.01)


def test_a_service_that_sleeps_is_woken_by_its_duties_every_minute() -> None:
    job = _node("gcp:cloudscheduler/job:Job", "a-duties", schedule="* * * * *")
    costs = by_group([_run("a", 0), job], "gcp")
    # 43,800 rounds of 0.2 s and 262,800 probes of 0.1 s at 0.00002525, 0.0438 million requests at 0.40, the job 0.10
    assert costs["compute"] == pytest.approx(0.2212 + 0.6636 + 0.0175 + 0.10, abs=0.001)
    assert costs["database"] == pytest.approx(0.0394, abs=0.0001)
    with pytest.raises(UnpricedError, match="the schedule of a-duties"):
        by_group([_node("gcp:cloudscheduler/job:Job", "a-duties", schedule="0 3 * * *")], "gcp")


def test_five_forwarding_rules_cost_what_one_does() -> None:
    rules = [_node("gcp:compute/globalForwardingRule:GlobalForwardingRule", str(number)) for number in range(6)]
    names = "network: load balancer, firewall, names"
    assert by_group(rules[:1], "gcp")[names] == by_group(rules[:5], "gcp")[names] == pytest.approx(18.25)
    assert by_group(rules, "gcp")[names] == pytest.approx(18.25 + 7.30)


@pytest.mark.parametrize("token", ["aws:redshift/cluster:Cluster", "gcp:sql/databaseInstance:DatabaseInstance"])
def test_what_has_no_price_stops_with_the_remedy(token: str) -> None:
    with pytest.raises(UnpricedError, match=rf"{token} has no price: add it to bench/prices\.py"):
        by_type([_node(token)])


def test_a_size_without_a_price_and_a_service_without_a_size_stop_too() -> None:
    with pytest.raises(UnpricedError, match=r"DocumentDB's db\.x9\.huge has no price"):
        by_type([_node("aws:docdb/clusterInstance:ClusterInstance", instanceClass="db.x9.huge")])
    with pytest.raises(UnpricedError, match="without a task definition"):
        by_type(_fargate("a", 1)[1:])


def test_every_type_that_a_stack_can_have_is_priced_or_free_and_never_both() -> None:
    pages = (DOCS / "aws.md").read_text() + (DOCS / "gcp.md").read_text()
    declared = set(re.findall(r"^\| `((?:aws|gcp|random|docker):[^`]+)` \|", pages, re.MULTILINE))
    assert len(declared) > 100
    assert declared - set(PRICED) - FREE == set()
    assert set(PRICED) & FREE == set()
    assert (set(PRICED) | FREE) - declared - {"gcp:vpcaccess/connector:Connector"} == set()


def test_components_are_nobodys_bill_and_other_clouds_not_this_ones() -> None:
    nodes = [_node("agent-exchange:aws:Platform"), _node("aws:kms/key:Key")]
    assert sum(by_group(nodes, "aws").values()) == 1
    assert sum(by_group(nodes, "gcp").values()) == 0
    assert parts(nodes[1], Stack(nodes)) == [("secrets and keys", 1.0)]


def test_settings_are_read_from_a_preview() -> None:
    state = {"urn": "u::a", "type": "aws:kms/key:Key", "inputs": {"description": "d"}}
    (node,) = graph({"steps": [{"op": "create", "urn": "u::a", "newState": state}]})
    assert node.inputs == {"description": "d"}


def test_numbers_are_read_as_the_clouds_write_them() -> None:
    texts = {"256": 256, "1": 1, "500m": 0.5, "512Mi": 0.5, "2Gi": 2, "60s": 60}
    assert {text: number(text) for text in texts} == texts


def test_what_a_million_requests_add_is_the_sum_of_its_terms() -> None:
    # 0.60 + 4 x 0.008 + 2 x 0.09 + 5 x 0.20 + 1.5 x 0.50
    assert traffic("aws") == pytest.approx(2.562)
    # 9.60 + 0.50 + 1.20 + 0.75 + 0.032 + 0.24 + 1.50 + 0.90 + 3.00
    assert traffic("gcp") == pytest.approx(17.722)
    assert formula("aws").startswith("0.6 x 1 million at the firewall")
    assert {key for terms in TRAFFIC.values() for key, _, _ in terms} <= set(PRICES)


def test_a_table_has_whole_dollars_and_says_when_it_is_less_than_one() -> None:
    assert [dollars(usd) for usd in (0, 0.3, 0.6, 1234.5)] == ["-", "< 1", "1", "1,234"]
    text = table("aws", {"x": by_group([_node("aws:kms/key:Key")], "aws")})
    assert text.splitlines()[0].split("|")[1].strip() == "USD a month, AWS"
    assert [cell.strip() for cell in text.splitlines()[-1].split("|")] == ["", "**at rest**", "**1**", ""]
    assert len(text.splitlines()) == 4


def test_every_price_says_where_it_is_from() -> None:
    assert all(price.page and price.unit and price.basis and price.usd > 0 for price in PRICES.values())
    assert all(estimate.why and estimate.unit for estimate in USE.values())
