"""Tags for Amazon and labels for Google."""

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from infra.components.tags import labels, tags

EXPIRES = datetime(2026, 11, 27, 22, 5, tzinfo=UTC)


def test_tags_say_whose_a_resource_is() -> None:
    assert tags("pr-7", "ephemeral", service="aex-gateway", expires=EXPIRES) == {
        "environment": "ephemeral",
        "expires": "2026-11-27T22:05:00Z",
        "managed-by": "pulumi",
        "project": "agent-exchange",
        "service": "aex-gateway",
        "stack": "pr-7",
    }


def test_labels_say_the_same_in_googles_characters() -> None:
    assert labels("pr-7", "ephemeral", expires=EXPIRES) == {
        "environment": "ephemeral",
        "expires": "2026-11-27t22-05-00z",
        "managed-by": "pulumi",
        "project": "agent-exchange",
        "stack": "pr-7",
    }


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True))
def test_every_stack_name_gives_a_valid_label(stack: str) -> None:
    for key, value in labels(stack, "staging").items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)


@given(st.lists(st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True), min_size=2, max_size=2, unique=True))
def test_two_stacks_never_share_a_label(stacks: list[str]) -> None:
    assert labels(stacks[0], "staging")["stack"] != labels(stacks[1], "staging")["stack"]
