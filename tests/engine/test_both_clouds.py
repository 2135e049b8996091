"""A stack on both clouds at once, with the real engine: part by part, whole, and gone.

What an exchange is while it moves; and, since it has everything, what the targets of the workflows and of the
operator's page are tried on.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.components.catalog import CATALOG
from infra.ops.pipelines.deploy import REGISTRIES, SERVICE
from tests.engine import lifecycle
from tests.engine.cloud import CloudStack
from tests.engine.standins.aws import left_behind
from tests.engine.standins.aws.account import Account
from tests.engine.standins.launch import Standins, launched
from tests.targets import PAGE, pattern, targets_in

pytestmark = [pytest.mark.timeout(900)]
RUNS = ("aws:ecs/service:Service", "gcp:cloudrunv2/service:Service")


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("gcp", "aws")) as running:
        yield running


@pytest.fixture(scope="module")
def stack(standins: Standins, account: Account, tmp_path_factory: pytest.TempPathFactory) -> CloudStack:
    del account
    return CloudStack.new(
        tmp_path_factory.mktemp("both") / "project",
        "dev-both",
        standins,
        clouds=("gcp", "aws"),
        aws={"database": {"kind": "documentdb"}},
    )


def test_registries_come_first_so_that_images_can_be_put_into_them(stack: CloudStack) -> None:
    made = stack.up(*(f"--target={urn}" for urn in REGISTRIES)).changes
    kinds = {kind for _, kind, _ in made if kind.startswith(("aws:", "gcp:"))}
    assert kinds == {
        "aws:kms/key:Key",
        "aws:kms/alias:Alias",
        "aws:ecr/repository:Repository",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "gcp:artifactregistry/repository:Repository",
    }
    for cloud in ("aws", "gcp"):
        addresses = stack.outputs()[cloud]["registry"]
        assert set(addresses) == set(CATALOG.names) and all(addresses.values())


def test_the_rest_follows_is_at_rest_and_shares_its_secrets(
    stack: CloudStack, standins: Standins, account: Account
) -> None:
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


def test_one_service_can_be_deployed_alone(stack: CloudStack) -> None:
    for cloud in ("aws", "gcp"):
        stack.set(cloud, restart={"aex-settlement": "now", "aex-telemetry": "now"})
    done = stack.up(*(f"--target={urn.format('aex-settlement')}" for urn in SERVICE)).changes
    deployed = {(kind, name) for _, kind, name in done if kind in RUNS}
    assert deployed == {(kind, "aex-settlement") for kind in RUNS}


def test_every_target_of_the_operators_page_is_a_part_of_the_stack(stack: CloudStack) -> None:
    targets = sorted(set(targets_in(PAGE.read_text())))
    urns = [str(resource["urn"]) for resource in stack.resources()]
    assert targets and [target for target in targets if not any(map(pattern(target).fullmatch, urns))] == []
    stack.preview(*(f"--target={target}" for target in targets))


def test_it_goes_completely(stack: CloudStack, account: Account) -> None:
    lifecycle.destroys(stack)
    assert left_behind(account) == []
