"""The inventories are what the stacks declare, and every type in them has a purpose in the docs."""

import re
from pathlib import Path

import pytest
import yaml

from tests.infra.aws import inventory

DOCS = Path(__file__).resolve().parents[3] / "docs" / "aws.md"


@pytest.mark.parametrize("name", list(inventory.STACKS))
def test_a_stack_is_what_its_inventory_says(name: str) -> None:
    assert inventory.path(name).read_text() == inventory.text(name), "run `make inventory` and read the difference"


def test_every_type_has_a_purpose() -> None:
    documented = set(re.findall(r"^\| `((?:aws|random|docker):[^`]+)` \| .{10,}", DOCS.read_text(), re.MULTILINE))
    declared: set[str] = set()
    for name in inventory.STACKS:
        declared |= set(yaml.safe_load(inventory.path(name).read_text())["types"])
    images = {"docker:index/image:Image"}
    only_sometimes = {"aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter"}
    assert declared - documented == set(), "say in docs/aws.md what it is for"
    assert documented - declared - images - only_sometimes == set(), "no stack has it: take it out of docs/aws.md"
