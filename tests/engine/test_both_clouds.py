"""A stack on both clouds at once, with the real engine: what an exchange is while it moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import lifecycle
from tests.engine.cloud import CloudStack
from tests.engine.standins.aws import left_behind
from tests.engine.standins.aws.account import Account
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("gcp", "aws")) as running:
        yield running


def test_it_is_made_is_at_rest_shares_its_secrets_and_goes_completely(
    standins: Standins, account: Account, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = CloudStack.new(
        tmp_path_factory.mktemp("both") / "project",
        "dev-both",
        standins,
        clouds=("gcp", "aws"),
        aws={"database": {"kind": "documentdb"}},
    )
    stack.up()
    lifecycle.in_step(stack)
    lifecycle.at_rest(stack)
    for name in ("aex-api-key-salt", "aex-jwt-secret", "aex-operator-key"):
        (there,) = (
            thing.inputs["secretData"]
            for thing in standins.gcp.things("gcp:secretmanager/secretVersion:SecretVersion")
            if thing.name == name
        )
        here = account.client("secretsmanager").get_secret_value(SecretId=f"{name}-dev-both")["SecretString"]
        assert here == there, "keys that were hashed and tokens that were signed on one cloud are good on the other"
    lifecycle.no_secret_shows(stack)
    lifecycle.destroys(stack)
    assert left_behind(account) == []
