"""The arithmetic of deployment plans, on graphs small enough to do by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import durations
from bench.gantt import Bar, chart
from bench.plan import RELEASED, SCRIPTS, costs, schedule
from tools.graph import Node, graph

INVENTORY = Path(__file__).parents[1] / "inventory"


def _nodes(**needs: str) -> list[Node]:
    return [Node(name, "t", frozenset(text.split())) for name, text in needs.items()]


#: a (3 s) and b (1 s) side by side, c (2 s) after a, d (4 s) after b.
NODES = _nodes(a="", b="", c="a", d="b")
SECONDS = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 4.0}


def test_with_enough_hands_it_takes_as_long_as_the_longest_chain() -> None:
    plan = schedule(NODES, SECONDS, 8)
    assert plan.spans == {"a": (0, 3), "b": (0, 1), "c": (3, 5), "d": (1, 5)}
    assert plan.total_seconds == plan.critical_seconds == 5
    assert plan.critical in (["a", "c"], ["b", "d"])


def test_with_one_hand_it_takes_the_sum_of_the_work() -> None:
    plan = schedule(NODES, SECONDS, 1)
    assert plan.total_seconds == plan.work_seconds == 10
    assert plan.critical_seconds == 5
    assert [plan.spans[name][0] for name in "abcd"] == [0, 3, 4, 6]


def test_what_takes_no_time_is_passed_through_and_left_out_of_the_chain() -> None:
    plan = schedule(_nodes(a="", component="a", b="component"), {"a": 1, "component": 0, "b": 1}, 2)
    assert plan.critical == ["a", "b"]


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        schedule(_nodes(a="", b="c", c="b"), {"a": 1, "b": 1, "c": 1}, 2)


def test_the_graph_is_read_from_a_preview() -> None:
    def step(urn: str, token: str, **more: object) -> dict[str, Any]:
        return {"op": "create", "urn": urn, "newState": {"urn": urn, "type": token, **more}}

    steps = [
        step("root", "pulumi:pulumi:Stack"),
        step("parent", "agent-exchange:aws:Platform", parent="root"),
        step("cluster", "aws:docdb/cluster:Cluster", parent="parent", dependencies=["elsewhere"]),
        step("service", "aws:ecs/service:Service", parent="parent", dependencies=["cluster"]),
        {"op": "same", "urn": "old", "newState": {"urn": "old", "type": "aws:ec2/vpc:Vpc"}},
    ]
    nodes = graph({"steps": steps})
    assert {node.urn: node.needs for node in nodes} == {
        "root": frozenset(),
        "parent": {"root"},
        "cluster": {"parent"},
        "service": {"parent", "cluster"},
    }
    first, release = costs(nodes, release=False), costs(nodes, release=True)
    assert first["parent"] == 0
    assert first["cluster"] == durations.of("aws:docdb/cluster:Cluster").create
    assert release["cluster"] == 0
    assert release["service"] > 0


def test_every_type_in_the_tables_is_one_that_a_stack_or_the_old_scripts_make() -> None:
    declared = {token for file in INVENTORY.glob("*.yaml") for token in yaml.safe_load(file.read_text())["types"]}
    scripts = {token for steps in SCRIPTS.values() for token, _ in steps}
    optional = {"gcp:vpcaccess/connector:Connector"}
    assert set(durations.DURATIONS) - declared - scripts - optional == set()
    assert set(RELEASED) <= declared


def test_a_picture_shows_long_resources_by_name_and_many_of_a_type_in_shared_lines() -> None:
    bars = [Bar("Index", f"i{number}", 0, 60, critical=False) for number in range(20)]
    text = chart({"aws": [Bar("Cluster", "<database>", 0, 600, critical=True), Bar("Role", "r", 0, 1, False), *bars]})
    assert "Cluster &lt;database&gt;" in text
    assert "20 x Index" in text
    assert "1 quick resources" in text
    assert text.count('class="critical"') == 1
