"""Which versions of a secret exist together, and that the services read what is written."""

import pytest

from infra.components.rotation import versions, written


@pytest.mark.parametrize(
    ("current", "shared", "wanted"),
    [(1, False, (1,)), (1, True, (1, 2)), (2, False, (2, 1)), (2, True, (2, 3, 1)), (5, True, (5, 6, 4))],
)
def test_the_one_in_use_is_first_and_its_neighbours_are_known(
    current: int, shared: bool, wanted: tuple[int, ...]
) -> None:
    assert versions(current, shared=shared) == wanted


def test_a_receiver_knows_every_version_before_any_caller_uses_it() -> None:
    for current in range(1, 5):
        assert set(versions(current + 1, shared=True)[:1]) <= set(versions(current, shared=True))
        assert current in versions(current + 1, shared=True), "and what was made with the last one still verifies"


def test_services_read_what_is_written() -> None:
    from aex.core.versions import secret_versions

    text = written({2: "b" * 32, 3: "c" * 32, 1: "a" * 32})
    assert list(secret_versions(text, "JWT_SECRET").items()) == [("2", "b" * 32), ("3", "c" * 32), ("1", "a" * 32)]
