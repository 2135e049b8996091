"""The database: indexes out of the application's declaration, expiry, and what `protect` decides."""

import pytest

from infra.gcp.indexes import DECLARATION, CompositeIndex, composite_indexes, expiring_collections
from tests.infra.gcp.stacks import SERVICE, environment, run_of, settings_of, stack

DATABASE, INDEX = "gcp:firestore/database:Database", "gcp:firestore/index:Index"
FIELD, BACKUP = "gcp:firestore/field:Field", "gcp:firestore/backupSchedule:BackupSchedule"

EXAMPLE = """
[things]
owner = "aex-x"
ttl = "purge_at"
queries = [
    { equal = ["a", "b"], order = "-at" },
    { equal = ["a", "b"], order = "at" },
    { equal = ["a"] },
    { equal = ["a", "b"] },
    { equal = [], order = "-at" },
]
[plain]
owner = "aex-x"
"""


def test_a_query_that_compares_and_sorts_gets_one_index_in_its_direction() -> None:
    compared = (("a", "ASCENDING"), ("b", "ASCENDING"))
    assert [each for each in composite_indexes(EXAMPLE) if each.collection == "things"] == [
        CompositeIndex("things", (*compared, ("at", "ASCENDING"))),
        CompositeIndex("things", (*compared, ("at", "DESCENDING"))),
    ]
    assert expiring_collections(EXAMPLE) == ("things",)


def test_no_index_has_a_single_field_or_is_declared_twice() -> None:
    indexes = composite_indexes(DECLARATION.read_text())
    assert all(2 <= len(each.fields) <= 100 for each in indexes)
    assert len({each.name for each in indexes}) == len(indexes)
    assert len(indexes) < 200, "what a project without billing may have; with it 1000"
    for each in indexes:
        names = [field for field, _ in each.fields]
        assert len(set(names)) == len(names)
        assert "__name__" not in names, "Firestore appends it by itself"


def test_the_guides_two_indexes_are_there() -> None:
    found = {
        (each.inputs["collection"], tuple((field["fieldPath"], field["order"]) for field in each.inputs["fields"]))
        for each in stack("production").of(INDEX)
    }
    assert ("work_specs", (("consumer_id", "ASCENDING"), ("created_at", "DESCENDING"))) in found
    assert ("bids", (("work_id", "ASCENDING"), ("created_at", "ASCENDING"))) in found


def test_every_query_of_the_application_has_its_index() -> None:
    from aex.store.declarations import load

    deployed = {
        (each.inputs["collection"], tuple((field["fieldPath"], field["order"]) for field in each.inputs["fields"]))
        for each in stack("staging").of(INDEX)
    }
    for name, collection in load().items():
        for query in collection.queries:
            if query.order and query.equal:
                direction = "DESCENDING" if query.order.startswith("-") else "ASCENDING"
                fields = (*((field, "ASCENDING") for field in query.equal), (query.order_field, direction))
                assert (name, fields) in deployed
    expiring = {name for name, collection in load().items() if collection.ttl}
    assert {each.inputs["collection"] for each in stack("staging").of(FIELD)} == expiring


def test_expiry_is_on_the_field_that_the_store_writes_and_costs_no_index() -> None:
    from aex.store.documents import HIDDEN_TTL

    for each in stack("staging").of(FIELD):
        assert each.inputs["field"] == HIDDEN_TTL
        assert each.inputs["ttlConfig"] == {}
        assert each.inputs["indexConfig"] == {}


def test_protected_data_cannot_be_lost() -> None:
    run = stack("production")
    found = run.one(DATABASE)
    assert found.inputs["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    assert found.inputs["deletionPolicy"] == "PREVENT"
    assert found.inputs["pointInTimeRecoveryEnablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
    assert found.options.protect
    assert run.one(BACKUP).inputs["retention"] == f"{28 * 86400}s"


@pytest.mark.parametrize("name", ["staging", "pr-12"])
def test_unprotected_data_goes_with_the_stack_instead_of_being_forgotten(name: str) -> None:
    run = stack(name)
    found = run.one(DATABASE)
    assert found.inputs["deleteProtectionState"] == "DELETE_PROTECTION_DISABLED"
    assert found.inputs["deletionPolicy"] == "DELETE", "the default, ABANDON, would block the next `up`"
    assert not found.options.protect
    assert not run.of(BACKUP)
    for each in (*run.of(INDEX), *run.of(FIELD)):
        assert each.options.deletedWith == found.urn


def test_the_database_is_native_and_the_stacks_own() -> None:
    names = {stack(name).one(DATABASE).inputs["name"] for name in ("production", "staging", "pr-12")}
    assert names == {"agent-exchange", "agent-exchange-staging", "agent-exchange-pr-12"}
    assert stack("staging").one(DATABASE).inputs["type"] == "FIRESTORE_NATIVE"
    for each in stack("staging").of(INDEX):
        assert each.inputs["database"] == "agent-exchange-staging"
    for service in stack("staging").of(SERVICE):
        variables = environment(service)
        stored = service.name != "aex-gateway"
        assert variables.get("FIRESTORE_DATABASE") == ("agent-exchange-staging" if stored else None)
        assert variables.get("FIRESTORE_PROJECT_ID") == ("acme-exchange" if stored else None)
        assert variables.get("STORE_TYPE") == ("firestore" if stored else None)


def test_the_default_database_and_another_location_can_be_chosen() -> None:
    run = run_of(settings_of("dev-x", {"firestore": {"database": "(default)", "location": "nam5"}}))
    assert run.one(DATABASE).inputs["name"] == "(default)"
    assert run.one(DATABASE).inputs["locationId"] == "nam5"
    member = run.one("gcp:projects/iAMMember:IAMMember", "aex-identity-database")
    assert member.inputs["condition"]["expression"].endswith('/databases/(default)"')
