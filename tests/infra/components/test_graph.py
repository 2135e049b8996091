"""The call graph: the expected edges, no cycle, and an order of deployment that is the guide's."""

from itertools import pairwise

from infra.components.catalog import CATALOG
from infra.components.graph import (
    callees_of,
    callers_of,
    deployment_order,
    edges,
    levels,
    outside_callers_of,
    tiers,
    waves,
)
from tests.infra.components import expected


def test_edges_are_exactly_the_expected_ones() -> None:
    assert set(edges(CATALOG)) == expected.EDGES
    assert len(edges(CATALOG)) == len(expected.EDGES)


def test_callers_and_callees_are_the_two_ends_of_the_edges() -> None:
    for name in CATALOG.names:
        assert set(callees_of(CATALOG, name)) == {callee for caller, callee in expected.EDGES if caller == name}
        assert set(callers_of(CATALOG, name)) == {caller for caller, callee in expected.EDGES if callee == name}


def test_the_graph_has_no_cycle() -> None:
    # Independent of the rule in the catalog: taking away services that call nobody must leave nothing.
    remaining, calls = set(expected.PORTS), set(edges(CATALOG))
    while remaining:
        free = {
            name for name in remaining if not any(caller == name and callee in remaining for caller, callee in calls)
        }
        assert free, f"cycle among {remaining}"
        remaining -= free


def test_everybody_is_deployed_after_the_services_that_it_calls() -> None:
    order = deployment_order(CATALOG)
    assert sorted(order) == sorted(expected.PORTS)
    for caller, callee in expected.EDGES:
        assert order.index(callee) < order.index(caller)


def test_the_guides_tiers_come_out_in_order() -> None:
    assert [(tier.value, set(names)) for tier, names in tiers(CATALOG).items()] == expected.TIERS
    rank = {name: rank for rank, (_, names) in enumerate(expected.TIERS) for name in names}
    assert all(rank[earlier] <= rank[later] for earlier, later in pairwise(deployment_order(CATALOG)))


def test_waves_hold_every_service_once_and_no_call_inside_a_wave() -> None:
    found = waves(CATALOG)
    assert sorted(name for wave in found for name in wave) == sorted(expected.PORTS)
    wave_of = {name: number for number, wave in enumerate(found) for name in wave}
    assert all(wave_of[callee] < wave_of[caller] for caller, callee in expected.EDGES)
    assert wave_of == levels(CATALOG)


def test_outside_callers_reach_only_what_they_were_granted() -> None:
    reached = {name: outside_callers_of(CATALOG, name) for name in CATALOG.names}
    assert {name for name, callers in reached.items() if "scheduler" in callers} == expected.WITH_DUTIES
    assert all(
        callers["scheduler"] == ("POST /internal/v1/duties/run",)
        for callers in reached.values()
        if "scheduler" in callers
    )
    assert {name for name, callers in reached.items() if "uptime" in callers} == {"aex-gateway"}
    assert reached["aex-gateway"]["uptime"] == ("GET /health",)
    assert all("GET /health" in callers["operator"] for callers in reached.values())
    assert "POST /v1/tenants" in reached["aex-identity"]["operator"]
    assert not any("POST" in route for route in reached["aex-contract-engine"]["operator"])
