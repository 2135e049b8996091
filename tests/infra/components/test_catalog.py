"""The catalog says what the guide says, and refuses what contradicts itself."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.components.catalog import CATALOG
from infra.components.model import (
    Call,
    Caller,
    CatalogError,
    Duty,
    External,
    Grant,
    Reach,
    Scaling,
    Secret,
    SecretUse,
    Service,
    Size,
    Tier,
)
from infra.components.sizing import cloud_run_memory
from infra.components.table import Catalog
from tests.infra.components import expected

ROOT = Path(__file__).parents[3]
SMALL = Size(gcp_cpu=1, gcp_memory_mib=512, aws_cpu=256, aws_memory_mb=512)


def service(name: str = "aex-one", port: int = 9000, tier: Tier = Tier.CORE, **more: Any) -> Service:
    return Service(name=name, port=port, tier=tier, **{"description": "for a test", "size": SMALL, **more})


def test_ports_are_those_of_the_guide() -> None:
    assert {entry.name: entry.port for entry in CATALOG.services} == expected.PORTS


def test_sizes_are_those_of_the_guide() -> None:
    sizes = {
        entry.name: (
            cloud_run_memory(entry.size.gcp_memory_mib),
            entry.size.gcp_cpu,
            entry.size.aws_memory_mb,
            entry.size.aws_cpu,
        )
        for entry in CATALOG.services
    }
    assert sizes == expected.SIZES


def test_concurrency_and_scaling_are_those_of_the_guide() -> None:
    concurrency = {entry.name: entry.concurrency for entry in CATALOG.services}
    assert concurrency.pop("aex-gateway") == 250
    assert concurrency.pop("aex-bid-evaluator") == 50
    assert set(concurrency.values()) == {80}
    assert {entry.scaling for entry in CATALOG.services} == {Scaling(1, 10)}


def test_only_the_gateway_is_public_and_only_webhooks_go_out() -> None:
    assert [entry.name for entry in CATALOG.services if entry.public] == ["aex-gateway"]
    assert {entry.name: entry.external for entry in CATALOG.services if entry.external} == {
        "aex-work-publisher": (External.WEBHOOKS,)
    }


def test_secrets_are_read_by_exactly_those_who_need_them() -> None:
    readers = {
        secret.name: {entry.name for entry in CATALOG.services for use in entry.secrets if use.secret == secret.name}
        for secret in CATALOG.secrets
    }
    assert readers == expected.SECRETS


def test_duties() -> None:
    assert {entry.name for entry in CATALOG.services if entry.duties} == expected.WITH_DUTIES


def test_collections_are_those_that_the_store_declares() -> None:
    declared = tomllib.loads((ROOT / "app/aex/store/collections.toml").read_text())
    owned = {collection: entry.name for entry in CATALOG.services for collection in entry.collections}
    assert owned == {collection: table["owner"] for collection, table in declared.items()}
    assert set(owned) >= expected.GUIDE_COLLECTIONS


def test_package_names() -> None:
    assert CATALOG.service("aex-provider-registry").package == "provider_registry"
    assert CATALOG.service("aex-gateway").short_name == "gateway"


def test_unknown_service_names_the_known_ones() -> None:
    with pytest.raises(CatalogError, match=r"no service 'aex-gatway': use one of aex-gateway"):
        CATALOG.service("aex-gatway")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "gateway"}, "a service's name is 'aex-'"),
        ({"name": "aex-Gateway"}, "lower-case words"),
        ({"port": 80}, "port 80 needs root"),
        ({"concurrency": 0}, "concurrency of 0: use 1 to 1000"),
        ({"description": " "}, "the description is empty"),
        (
            {"size": replace(SMALL, aws_memory_mb=3072)},
            "no 3072 MB with 256 CPU units: use 512, 1024, 2048 MB, or keep",
        ),
        ({"size": replace(SMALL, gcp_memory_mib=8192)}, "no 8192 MiB with 1 vCPU: use 128 to 4096 MiB"),
        ({"calls": (Call("aex-one", "ONE_URL", "itself"),)}, "does not call itself"),
        ({"calls": (Call("aex-two", "TWO", "no url"),)}, "let its name end in _URL"),
        ({"calls": (Call("aex-two", "A_URL", ""), Call("aex-three", "A_URL", ""))}, "'A_URL' is listed twice"),
        ({"calls": (Call("aex-two", "a_URL", ""),)}, "'a_URL' is not an environment variable name"),
        ({"collections": ("Bids",)}, "'Bids' is not lower case"),
        ({"collections": ("bids", "bids")}, "collection 'bids' is listed twice"),
        ({"duties": (Duty("a", ""), Duty("a", ""))}, "duty 'a' is listed twice"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogError) as caught:
        service(**fields)
    assert message in str(caught.value)


@pytest.mark.parametrize(("minimum", "maximum"), [(3, 2), (-1, 2), (0, 0)])
def test_an_empty_scaling_range_is_refused(minimum: int, maximum: int) -> None:
    with pytest.raises(CatalogError, match="is empty: use a minimum"):
        Scaling(minimum, maximum)


def test_a_caller_without_grants_or_with_a_bad_route_is_refused() -> None:
    with pytest.raises(CatalogError, match="can call nothing"):
        Caller("robot", "", ())
    with pytest.raises(CatalogError, match="'health' is not of the form"):
        Caller("robot", "", (Grant(Reach.EVERY, ("health",)),))
    with pytest.raises(CatalogError, match="does not start with 'aex-'"):
        Caller("aex-robot", "", (Grant(Reach.EVERY, ("GET /health",)),))


def call(name: str) -> Call:
    return Call(name, "OTHER_URL", "for a test")


@pytest.mark.parametrize(
    ("catalog", "message"),
    [
        (lambda: Catalog((service(), service(port=9001))), "name 'aex-one' is used twice"),
        (lambda: Catalog((service(), service("aex-two"))), "port 9000 is used by aex-one and aex-two"),
        (
            lambda: Catalog((service(collections=("a",)), service("aex-two", 9001, collections=("a",)))),
            "collection 'a' is owned by aex-one and aex-two",
        ),
        (lambda: Catalog((service(calls=(call("aex-nobody"),)),)), "calls 'aex-nobody', which does not exist: use one"),
        (lambda: Catalog((service(secrets=(SecretUse("key", "KEY"),)),)), "reads secret 'key', which is not declared"),
        (lambda: Catalog((service(),), (Secret("key", ""),)), "secret 'key' is read by no service"),
        (
            lambda: Catalog((service(),), (), (Caller("robot", "", (Grant("aex-nobody", ("GET /",)),)),)),
            "robot may call 'aex-nobody', which does not exist",
        ),
        (
            lambda: Catalog(
                (
                    service(calls=(call("aex-two"),)),
                    service("aex-two", 9001, calls=(call("aex-three"),)),
                    service("aex-three", 9002, calls=(call("aex-one"),)),
                )
            ),
            "aex-one -> aex-two -> aex-three -> aex-one form a cycle",
        ),
        (
            lambda: Catalog((service(calls=(call("aex-two"),)), service("aex-two", 9001, Tier.GATEWAY))),
            "aex-one (core) calls aex-two (gateway), which is deployed in a later tier",
        ),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(catalog: object, message: str) -> None:
    assert callable(catalog)
    with pytest.raises(CatalogError) as caught:
        catalog()
    assert message in str(caught.value)


def test_every_contradiction_is_reported_at_once() -> None:
    with pytest.raises(CatalogError) as caught:
        service(name="x", port=1, collections=("A",))
    assert str(caught.value).count("\n  - ") == 3
