"""The pictures of the platforms: summed up the same whatever order the engine tells the graph in."""

from __future__ import annotations

import random

import pytest

from tools.graph import Node
from tools.topology import CLOUDS, draw, drawn, parts, picture, rows

PLATFORM = "agent-exchange:aws:Platform"


def _node(urn: str, token: str, parent: str, *needs: str) -> Node:
    return Node(urn, token, frozenset({*needs, parent}), parent)


NODES = [
    Node("platform", PLATFORM, frozenset()),
    _node("net", "agent-exchange:aws:Network", "platform"),
    _node("vpc", "aws:ec2/vpc:Vpc", "net"),
    _node("a", "aws:ec2/subnet:Subnet", "net", "vpc"),
    _node("b", "aws:ec2/subnet:Subnet", "net", "vpc"),
    _node("one", "agent-exchange:aws:Service", "platform"),
    _node("one-task", "aws:ecs/service:Service", "one", "a"),
    _node("two", "agent-exchange:aws:Service", "platform"),
    _node("two-task", "aws:ecs/service:Service", "two", "b", "one-task"),
    _node("watch", "agent-exchange:aws:Monitoring", "platform"),
    _node("alarm", "aws:cloudwatch/metricAlarm:MetricAlarm", "watch", "two-task"),
    _node("empty", "agent-exchange:aws:Empty", "platform"),
]


def test_components_of_one_type_are_one_part_which_stands_below_what_it_needs() -> None:
    found = parts(NODES)
    assert rows(found) == [["Network"], ["Service"], ["Monitoring"]]
    assert found["Service"].components == 2
    assert found["Network"].lines == ["2 Subnet", "1 Vpc"]
    assert found["Monitoring"].needs == {"Service"}


def test_the_order_of_the_engines_telling_does_not_matter() -> None:
    text = draw("x", parts(NODES))
    for seed in range(20):
        shuffled = random.Random(seed).sample(NODES, len(NODES))
        assert draw("x", parts(shuffled)) == text


def test_an_arrow_that_others_imply_is_left_out() -> None:
    nodes = [*NODES, _node("direct", "aws:cloudwatch/dashboard:Dashboard", "watch", "vpc")]
    found = parts(nodes)
    assert found["Monitoring"].needs == {"Network", "Service"}
    assert draw("x", found).count("<path") == 2


@pytest.mark.engine
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_picture_in_the_docs_is_fresh(cloud: str) -> None:
    assert picture(cloud).read_text() == drawn(cloud), "run `make pictures`"
