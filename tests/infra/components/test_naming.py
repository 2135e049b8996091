"""Names: bare in production, with the stack elsewhere, never too long, never shared by two stacks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.components.catalog import CATALOG
from infra.components.naming import Kind, NameRefusedError, physical_name, shortened

LONG = "dev-" + "a" * 35
LONG_STACKS = (LONG + "1", LONG + "2")
STACK_NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)
"""What Pulumi accepts as the name of a stack."""

BASES = {
    Kind.KMS_ALIAS: ["alias/aex-data", "alias/aex-state"],
    Kind.ECR_REPOSITORY: [f"agent-exchange/{name}" for name in CATALOG.names],
    Kind.LOG_GROUP: [f"/ecs/agent-exchange/{name}" for name in CATALOG.names],
    Kind.VPC_CONNECTOR: ["aex-connector"],
}


def bases(kind: Kind) -> list[str]:
    return BASES.get(kind, list(CATALOG.names))


def test_production_carries_the_guides_bare_names() -> None:
    assert physical_name("aex-gateway", "production", Kind.CLOUD_RUN) == "aex-gateway"
    assert (
        physical_name("agent-exchange/aex-gateway", "production", Kind.ECR_REPOSITORY) == "agent-exchange/aex-gateway"
    )
    assert (
        physical_name("/ecs/agent-exchange/aex-gateway", "production", Kind.LOG_GROUP)
        == "/ecs/agent-exchange/aex-gateway"
    )


def test_other_stacks_append_their_name() -> None:
    assert physical_name("aex-jwt-secret", "staging", Kind.AWS_SECRET) == "aex-jwt-secret-staging"
    assert physical_name("aex", "pr-12", Kind.ARTIFACT_REPOSITORY) == "aex-pr-12"


@pytest.mark.parametrize("stack", ["production", "staging", "pr-12", "a", "b-c-d-e-f-g", *LONG_STACKS])
def test_a_connectors_name_counts_every_hyphen_twice(stack: str) -> None:
    name = physical_name("aex-connector", stack, Kind.VPC_CONNECTOR)
    assert len(name) + name.count("-") < 21, "Google's own words: less than 21 characters, a hyphen counts as two"
    assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name)
    assert name == "aex-connector" or name.startswith("aex-con")


@pytest.mark.parametrize("limit", range(12, 30))
@pytest.mark.parametrize("hyphen", [1, 2])
def test_a_shortened_name_is_as_long_as_it_may_be_counted(limit: int, hyphen: int) -> None:
    name = shortened("aex-a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p", limit, unique_by="x", hyphen=hyphen)
    assert limit - 2 * hyphen <= len(name) + (hyphen - 1) * name.count("-") <= limit


@pytest.mark.parametrize("kind", Kind)
def test_two_long_stack_names_with_a_common_beginning_share_nothing(kind: Kind) -> None:
    assert all(len(stack) == 40 for stack in LONG_STACKS)
    names = [physical_name(base, stack, kind) for base in bases(kind) for stack in LONG_STACKS]
    assert len(set(names)) == len(names)
    for name in names:
        assert kind.value.length(name) <= kind.value.limit
        assert re.fullmatch(kind.value.pattern, name)


@given(stack=STACK_NAMES, kind=st.sampled_from(Kind))
def test_every_stack_name_gives_valid_names(stack: str, kind: Kind) -> None:
    for base in bases(kind):
        name = physical_name(base, stack, kind)
        assert kind.value.length(name) <= kind.value.limit
        assert re.fullmatch(kind.value.pattern, name)


@given(stacks=st.lists(STACK_NAMES, min_size=2, max_size=2, unique=True), kind=st.sampled_from(Kind))
def test_two_stacks_never_share_a_name(stacks: list[str], kind: Kind) -> None:
    for base in bases(kind):
        assert physical_name(base, stacks[0], kind) != physical_name(base, stacks[1], kind)


def test_stacks_that_differ_only_in_refused_characters_share_nothing() -> None:
    names = {
        physical_name("aex-gateway", stack, Kind.CLOUD_RUN) for stack in ("dev-a.b", "dev-a_b", "dev-a-b", "DEV-A-B")
    }
    assert len(names) == 4


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ("Gateway", Kind.CLOUD_RUN),
        ("internal-aex", Kind.LOAD_BALANCER),
        ("a" * 33, Kind.TARGET_GROUP),
        ("sg-aex", Kind.SECURITY_GROUP),
        ("alias/aws/aex", Kind.KMS_ALIAS),
    ],
)
def test_a_base_that_no_stack_name_can_repair_is_refused(base: str, kind: Kind) -> None:
    with pytest.raises(NameRefusedError, match=r"choose another base name"):
        physical_name(base, "staging", kind)
