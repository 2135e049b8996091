"""The declaration of collections is complete, strict, and the same file that the platform reads."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from aex.store.declarations import Collection, Query, load, owned_by, parse
from aex.store.open import open_store
from aex.store.port import StoreMisconfigured
from tests.app.store.crashing import MemorySettings

ROOT = Path(__file__).parents[3]

# Written by hand, from the guide's and the contract's names.
OWNERS = {
    "aex-work-publisher": {"work_specs", "work_bids"},
    "aex-bid-gateway": {"bids"},
    "aex-bid-evaluator": {"bid_evaluations"},
    "aex-contract-engine": {"contracts"},
    "aex-provider-registry": {"providers", "subscriptions", "subscription_index", "agent_cards", "skill_index"},
    "aex-trust-broker": {"trust_records", "contract_outcomes"},
    "aex-identity": {"tenants", "api_keys"},
    "aex-settlement": {"ledger", "balances"},
    "aex-telemetry": {"telemetry_logs", "telemetry_metrics", "telemetry_spans", "telemetry_totals"},
}


def test_every_collection_has_the_owner_that_it_should() -> None:
    assert {c.owner for c in load().values()} == set(OWNERS)
    for owner, collections in OWNERS.items():
        assert collections <= set(owned_by(owner, load()))


def test_the_gateway_owns_nothing() -> None:
    assert owned_by("aex-gateway", load()) == {}


def test_the_file_is_plain_toml_for_those_who_can_not_import_this() -> None:
    raw = tomllib.loads((ROOT / "app/aex/store/collections.toml").read_text("utf-8"))
    assert set(raw) == set(load())


def test_what_is_parsed() -> None:
    found = parse(
        '[a]\nowner = "x"\nttl = "expires_at"\nqueries = [{ equal = ["k", "l"], order = "-t" }, { equal = ["k"] }]'
    )
    assert found == {"a": Collection("a", "x", (Query(("k", "l"), "-t"), Query(("k",), None)), "expires_at")}
    assert found["a"].queries[0].order_field == "t"
    assert found["a"].allows(frozenset({"l", "k"}), "-t")
    assert not found["a"].allows(frozenset({"l", "k"}), "t")
    assert found["a"].allows_count(frozenset({"k"}))
    assert not found["a"].allows_count(frozenset({"l"}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a", "not TOML"),
        ("a = 1", "a: must be a table"),
        ('[A]\nowner = "x"', "A: names are lower case"),
        ("[a]", "a: needs an owner"),
        ('[a]\nowner = ""', "a: needs an owner"),
        ('[a]\nowner = "x"\nindex = []', r"unknown keys \['index'\]; known are"),
        ('[a]\nowner = "x"\nttl = 5', "ttl must be the name of a field"),
        ('[a]\nowner = "x"\nqueries = "all"', "queries must be a list"),
        ('[a]\nowner = "x"\nqueries = ["all"]', "must be a table"),
        ('[a]\nowner = "x"\nqueries = [{ where = [] }]', r"unknown keys \['where'\]"),
        ('[a]\nowner = "x"\nqueries = [{ equal = "k" }]', "equal must be a list"),
        ('[a]\nowner = "x"\nqueries = [{ equal = ["k", "k"] }]', "different field names"),
        ('[a]\nowner = "x"\nqueries = [{ equal = ["k\'); DROP"] }]', "field names"),
        ('[a]\nowner = "x"\nqueries = [{ equal = [], order = "--t" }]', "order must be"),
        ('[a]\nowner = "x"\nqueries = [{ equal = ["t"], order = "-t" }]', "can not be both"),
        ('[a]\nowner = "x"\nqueries = [{ equal = ["k"] }, { equal = ["k"] }]', "one query twice"),
    ],
)
def test_a_wrong_declaration_is_explained(text: str, says: str) -> None:
    with pytest.raises(StoreMisconfigured, match=says):
        parse(text)


async def test_an_unknown_store_type_is_explained() -> None:
    with pytest.raises(StoreMisconfigured, match="'oracle' is unknown; set it to sqlite, mongo or firestore"):
        await open_store(MemorySettings(store_type="oracle"), "aex-identity")


def test_only_the_store_knows_a_driver_and_only_its_own_module_imports_it() -> None:
    driver = re.compile(r"^\s*(?:from|import)\s+(pymongo|bson|google\.cloud|google\.api_core|sqlite3)\b", re.M)
    allowed = {
        "sqlite3": {"store/sqlite.py", "store/sqlite_file.py", "store/sqlite_reader.py", "store/commit.py"},
        # Operators' commands, which no service imports: database users, and export of whole collections.
        "pymongo": {"store/users.py"},
        "google.cloud": {"store/whole.py"},
    }
    for source in (ROOT / "app/aex").rglob("*.py"):
        name = str(source.relative_to(ROOT / "app/aex"))
        for found in driver.findall(source.read_text("utf-8")):
            assert name in allowed.get(found, set()) or name.startswith(("store/mongo", "store/firestore")), (
                name,
                found,
            )


DRIVERS = ("sqlite3", "pymongo", "google.cloud.firestore_v1")
ENVIRON = {"MONGO_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=10", "FIRESTORE_PROJECT_ID": "p"}
START = f"""
import asyncio, sys
from aex.store import open_store
from types import SimpleNamespace
environ = {ENVIRON | {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"}}
settings = SimpleNamespace(store_type=sys.argv[1], sqlite_path=":memory:")
async def main():
    store = await open_store(settings, "aex-identity", environ=environ)
    print([d for d in {DRIVERS} + ("boto3",) if d in sys.modules])
    await store.close()
asyncio.run(main())
"""


@pytest.mark.parametrize(("store_type", "driver"), list(zip(("sqlite", "mongo", "firestore"), DRIVERS, strict=True)))
def test_start_up_pays_for_one_driver(store_type: str, driver: str) -> None:
    done = subprocess.run([sys.executable, "-c", START, store_type], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([driver])


def test_what_the_databases_drop_by_themselves_and_nothing_else() -> None:
    """Written by hand: a field too many loses data, one too few keeps it for ever."""
    assert {name: collection.ttl for name, collection in load().items() if collection.ttl} == {
        "bids": "purge_at",
        "work_bids": "purge_at",
        "telemetry_logs": "purge_at",
        "telemetry_metrics": "purge_at",
        "telemetry_spans": "purge_at",
    }
