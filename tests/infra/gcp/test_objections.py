"""No stack declares what Google's APIs are known to refuse, under names of any length; and the rules can tell."""

import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.infra.gcp.objections import RULES, objections
from tests.infra.gcp.stacks import SERVICE, run_of, settings_of, stack
from tests.infra.mocks import Run

EVERYTHING = {
    "network": {"egress": "connector", "nat": True},
    "domain": "a-very-long-name-of-a-domain.example.org",
    "zone": "example-org",
    "armor": "block",
    "budget": {"monthly": 10, "billingAccount": "012345-6789AB-CDEF01"},
    "alarms": {"emails": [f"person-{number}@example.org" for number in range(7)]},
    "traffic": {"aex-gateway": {"latest": 100}},
    "scaling": {"aex-identity": {"fixed": 2}},
}
LONGEST = "dev-Team_A.x-" + "9" * 87
"""As long as Pulumi allows: 100 characters."""


@functools.cache
def everything() -> Run:
    """A stack with all that config can switch on, under the longest and oddest of names."""
    return run_of(settings_of(LONGEST, EVERYTHING))


@pytest.mark.parametrize("name", ["staging", "production", "pr-12", "bootstrap", "everything"])
def test_google_has_nothing_to_object_to(name: str) -> None:
    run = everything() if name == "everything" else stack(name)
    assert [
        each for resource in run.resources if resource.type.startswith("gcp:") for each in objections(resource)
    ] == []


def test_the_rules_are_about_what_is_declared() -> None:
    declared = {token.removeprefix("gcp:") for run in (everything(), stack("production")) for token in run.inventory()}
    assert set(RULES) <= declared


Change = Callable[[dict[str, Any]], object]

MISTAKES: list[tuple[str, str, Change, str]] = [
    # type, name, what is made wrong, what the objection says
    (SERVICE, "aex-gateway", lambda i: i.update(ingress="INTERNAL"), "the documentation lists INGRESS_TRAFFIC_ALL"),
    (SERVICE, "aex-gateway", lambda i: i["template"].update(executionEnvironment="GEN3"), "the documentation lists"),
    (SERVICE, "aex-gateway", lambda i: i["labels"].update(stack="A.b"), "characters or a length"),
    (SERVICE, "aex-gateway", lambda i: i.update(description="x" * 513), "longer than 512"),
    (SERVICE, "aex-telemetry", lambda i: i["template"].update(executionEnvironment="X_GEN2"), "starts at 512 MiB"),
    (SERVICE, "aex-gateway", lambda i: i["template"]["vpcAccess"].update(connector="c"), "one and only one"),
    (SERVICE, "aex-gateway", lambda i: i.update(traffics=[{"percent": 90}]), "100 per cent"),
    (
        SERVICE,
        "aex-gateway",
        lambda i: i["template"]["containers"][0]["envs"].append({"name": "PORT", "value": "1"}),
        "is Cloud Run's own",
    ),
    (
        "gcp:monitoring/alertPolicy:AlertPolicy",
        "errors",
        lambda i: i["conditions"][0]["conditionThreshold"].update(
            evaluationMissingData="EVALUATION_MISSING_DATA_NO_OP"
        ),
        "only where there is a duration",
    ),
    (
        "gcp:monitoring/alertPolicy:AlertPolicy",
        "cpu",
        lambda i: i["conditions"][0]["conditionThreshold"]["aggregations"][0].update(crossSeriesReducer="REDUCE_P50"),
        "the documentation lists",
    ),
    ("gcp:compute/firewall:Firewall", "deny-egress", lambda i: i.update(direction="INGRESS"), "needs sourceRanges"),
    ("gcp:compute/backendService:BackendService", "gateway", lambda i: i.update(timeoutSec=30), "has no timeoutSec"),
    ("gcp:compute/securityPolicy:SecurityPolicy", "armor", lambda i: i["rules"].pop(), "no last rule"),
    (
        "gcp:storage/bucket:Bucket",
        "exports",
        lambda i: i["softDeletePolicy"].update(retentionDurationSeconds=9),
        "7 to",
    ),
]


@pytest.mark.parametrize(("token", "name", "spoil", "objection"), MISTAKES)
def test_a_mistake_is_objected_to(token: str, name: str, spoil: Change, objection: str) -> None:
    resource = stack("production").one(token, name)
    inputs = copy.deepcopy(dict(resource.inputs))
    spoil(inputs)
    assert any(objection in each for each in objections(replace(resource, inputs=inputs)))
