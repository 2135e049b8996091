"""Who can open a connection to whom, computed from the declared rules, against a table written by hand."""

import pytest

from aex.tools.place import place_of
from tests.infra.aws import stacks
from tests.infra.components.expected import EDGES, PORTS
from tests.infra.mocks import Run

OWNERS = set(PORTS) - {"aex-gateway"}
"""Everybody but the gateway owns collections."""

OUTWARD = {"aex-work-publisher"}
"""Webhooks are the only declared reason to call the internet."""

TASKS = {*PORTS, "aex-operations"}

EXPECTED = {
    *((caller, callee, PORTS[callee]) for caller, callee in EDGES),
    ("aex-alb", "aex-gateway", 8080),
    *((service, "aex-docdb", 27017) for service in {*OWNERS, "aex-operations"}),
    *((task, "endpoints", 443) for task in TASKS),
    *((task, "s3", 443) for task in TASKS),
    *((service, "internet", 443) for service in OUTWARD),
}


def reachable(run: Run) -> set[tuple[str, str, int]]:
    """(who, whom, port) for every way that both sides allow; the outside needs one side only."""
    names = {f"{group.name}-id": group.name for group in run.of("aws:ec2/securityGroup:SecurityGroup")}
    names |= {"sg-endpoints": "endpoints", "sg-docdb": "aex-docdb"}

    def target(inputs: dict) -> str:
        if "prefixListId" in inputs:
            return "s3"
        if inputs.get("cidrIpv4") == "0.0.0.0/0":
            return "internet"
        return inputs.get("cidrIpv4") or names[inputs["referencedSecurityGroupId"]]

    out, into = set(), set()
    for rule in run.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"):
        assert rule.inputs["ipProtocol"] == "tcp"
        assert rule.inputs["fromPort"] == rule.inputs["toPort"]
        out.add((names[rule.inputs["securityGroupId"]], target(dict(rule.inputs)), rule.inputs["fromPort"]))
    for rule in run.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        assert rule.inputs["ipProtocol"] == "tcp"
        assert rule.inputs["fromPort"] == rule.inputs["toPort"]
        into.add((target(dict(rule.inputs)), names[rule.inputs["securityGroupId"]], rule.inputs["fromPort"]))
    outside = {way for way in out if way[1] in ("s3", "internet") or "/" in way[1]}
    one_sided = {way for way in (out - outside) ^ into if way[0] != "internet"}
    assert not one_sided, "a rule on one side only lets nothing through"
    return outside | (out & into)


def doors(run: Run) -> set[tuple[str, int]]:
    """Where the internet may come in."""
    names = {f"{group.name}-id": group.name for group in run.of("aws:ec2/securityGroup:SecurityGroup")}
    return {
        (names[rule.inputs["securityGroupId"]], rule.inputs["fromPort"])
        for rule in run.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if rule.inputs.get("cidrIpv4") == "0.0.0.0/0"
    }


@pytest.mark.parametrize("name", ["staging", "production", "pr-12"])
def test_only_declared_callers_can_call_and_only_what_is_declared_can_be_called(name: str) -> None:
    assert reachable(stacks.stack(name)) == EXPECTED


def test_the_load_balancer_is_the_only_door() -> None:
    assert doors(stacks.stack("staging")) == {("aex-alb", 80)}
    assert doors(stacks.stack("production")) == {("aex-alb", 80), ("aex-alb", 443)}


def test_no_group_has_rules_of_its_own() -> None:
    for group in stacks.stack("production").of("aws:ec2/securityGroup:SecurityGroup"):
        assert "ingress" not in group.inputs, "inline rules and rule resources undo each other"
        assert "egress" not in group.inputs


def test_every_rule_says_what_it_is_for() -> None:
    run = stacks.stack("production")
    rules = run.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    rules += run.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    assert all(rule.inputs["description"] for rule in rules)


def test_without_private_endpoints_aws_is_reached_over_nat_and_nothing_else_changes() -> None:
    run = stacks.run_of(stacks.settings_of("staging", {"network": {"interfaceEndpoints": False}}))
    expected = {way for way in EXPECTED if way[1] != "endpoints"} | {(task, "internet", 443) for task in TASKS}
    assert reachable(run) == expected


def test_atlas_is_reached_through_the_peering_by_owners_of_collections_only() -> None:
    peering = {"kind": "atlas", "atlasCidr": "192.168.248.0/21", "atlasPeering": "pcx-0123456789abcdef0"}
    run = stacks.run_of(stacks.settings_of("staging", {"database": peering}))
    ways = {way for way in reachable(run) if way[2] == 27017}
    assert ways == {(service, "192.168.248.0/21", 27017) for service in {*OWNERS, "aex-operations"}}
    assert run.of("aws:docdb/cluster:Cluster") == []
    routes = [each for each in run.of("aws:ec2/route:Route") if "vpcPeeringConnectionId" in each.inputs]
    assert {each.inputs["destinationCidrBlock"] for each in routes} == {"192.168.248.0/21"}
    assert len(routes) == 2, "one for each zone's private subnet"
    definition = run.one("aws:ecs/taskDefinition:TaskDefinition", "aex-identity")
    secrets = {each["name"]: each["valueFrom"] for each in stacks.containers(definition)["secrets"]}
    assert secrets["MONGO_URI"].endswith(":secret:aex-mongo-uri-staging-AbCdEf")
    task = stacks.containers(run.one("aws:ecs/taskDefinition:TaskDefinition", "aex-operations"))
    assert {each["name"]: each["valueFrom"] for each in task["secrets"]} == {"MONGO_URI": secrets["MONGO_URI"]}
    environ = {each["name"]: each["value"] for each in task["environment"]}
    place = place_of(None, environ)
    assert place.store_type == "mongo"
    for service in OWNERS:
        owner = stacks.containers(run.one("aws:ecs/taskDefinition:TaskDefinition", service))
        told = {each["name"]: each["value"] for each in owner["environment"]}
        assert place.variables(service)["MONGO_DB"] == told["MONGO_DB"], "checks, exports and imports look there"
    assert task["command"] == ["python", "-m", "aex", "check"]
    assert not [each for each in run.of("aws:ecs/service:Service") if each.options.hooks.before_create]
