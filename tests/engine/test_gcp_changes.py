"""What a change of config changes on Google Cloud: by previews of one live stack, against a table written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine import lifecycle
from tests.engine.cloud import PREBUILT, CloudStack
from tests.engine.standins.launch import Standins, launched

pytestmark = [pytest.mark.timeout(900)]

SERVICE = "gcp:cloudrunv2/service:Service"
POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
BYTES = "random:index/randomBytes:RandomBytes"
STATEFUL = frozenset(
    {
        "gcp:artifactregistry/repository:Repository",
        "gcp:compute/globalAddress:GlobalAddress",
        "gcp:firestore/database:Database",
        "gcp:kms/cryptoKey:CryptoKey",
        "gcp:secretmanager/secret:Secret",
        "gcp:storage/bucket:Bucket",
        BYTES,
    }
)
OTHER = "sha256:" + "1" * 64
REVISION = "aex-gateway-staging-00001-abc"


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with launched(("gcp", "aws")) as running:
        yield running


@pytest.fixture(scope="module")
def live(standins: Standins, tmp_path_factory: pytest.TempPathFactory) -> CloudStack:
    """Staging, with one address that alarms go to."""
    stack = CloudStack.new(
        tmp_path_factory.mktemp("gcp") / "project", "staging", standins, gcp={"alarms": {"emails": ["a@example.org"]}}
    )
    stack.up()
    return stack


@pytest.fixture
def stack(live: CloudStack) -> Iterator[CloudStack]:
    """The live stack, whose config is as before afterwards."""
    with live.borrowed():
        yield live


Changes = dict[tuple[str, str, str], tuple[str, ...]]

# Several changes at a time, where each of them is seen in a resource of its own.
TABLE: dict[str, tuple[dict[str, dict[str, Any]], Changes]] = {
    "image, size, scale and traffic of one service each": (
        {
            "image": {"digests": {**PREBUILT["digests"], "aex-telemetry": OTHER}},
            "gcp": {
                "sizes": {"aex-settlement": {"cpu": 2, "memory": 1024}},
                "scaling": {"aex-bid-gateway": {"minimum": 1, "maximum": 5}},
                "traffic": {"aex-gateway": {"latest": 90, REVISION: 10}},
                "restart": {"aex-trust-broker": "again"},
            },
        },
        {
            ("update", SERVICE, "aex-telemetry"): ("template",),
            ("update", SERVICE, "aex-settlement"): ("template",),
            ("update", SERVICE, "aex-bid-gateway"): ("scaling", "template"),
            # Whoever has an instance at all times is missed when none runs.
            ("create", POLICY, "running"): (),
            ("update", SERVICE, "aex-gateway"): ("traffics",),
            ("update", SERVICE, "aex-trust-broker"): ("template",),
        },
    ),
    "an address that alarms go to": (
        {"gcp": {"alarms": {"emails": ["b@example.org"]}}},
        {
            ("create", CHANNEL, "b@example.org"): (),
            ("delete", CHANNEL, "a@example.org"): (),
            **{
                ("update", POLICY, name): ("notificationChannels",)
                for name in ("burn-fast", "burn-slow", "cpu", "errors", "latency", "memory", "reachable")
            },
        },
    ),
    # The version before stays in the secret (`deletionPolicy`), for revisions that pin it.
    "a secret": (
        {"secrets": {"aex-jwt-secret": 2}},
        {
            ("create", BYTES, "aex-jwt-secret-3"): (),
            ("replace", "gcp:secretmanager/secretVersion:SecretVersion", "aex-jwt-secret"): ("secretData",),
            ("update", SERVICE, "aex-gateway"): ("template",),
            ("update", SERVICE, "aex-identity"): ("template",),
        },
    ),
    "a domain": (
        {"gcp": {"domain": "aex.example.org"}},
        {
            ("create", "agent-exchange:gcp:Firewall", "firewall"): (),
            ("create", "gcp:compute/backendService:BackendService", "gateway"): (),
            ("create", "gcp:compute/globalAddress:GlobalAddress", "address"): (),
            ("create", "gcp:compute/globalForwardingRule:GlobalForwardingRule", "http"): (),
            ("create", "gcp:compute/globalForwardingRule:GlobalForwardingRule", "https"): (),
            ("create", "gcp:compute/managedSslCertificate:ManagedSslCertificate", "certificate"): (),
            ("create", "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup", "gateway"): (),
            ("create", "gcp:compute/sSLPolicy:SSLPolicy", "tls"): (),
            ("create", "gcp:compute/securityPolicy:SecurityPolicy", "armor"): (),
            ("create", "gcp:compute/targetHttpProxy:TargetHttpProxy", "http"): (),
            ("create", "gcp:compute/targetHttpsProxy:TargetHttpsProxy", "https"): (),
            ("create", "gcp:compute/uRLMap:URLMap", "http"): (),
            ("create", "gcp:compute/uRLMap:URLMap", "https"): (),
            # It watches the public address, which cannot be changed in place.
            ("replace", "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig", "gateway"): ("monitoredResource",),
            ("update", POLICY, "reachable"): ("conditions",),
            ("update", SERVICE, "aex-gateway"): ("ingress", "template"),
        },
    ),
}


@pytest.mark.parametrize("change", TABLE)
def test_a_change_of_config_changes_this_and_nothing_else(stack: CloudStack, change: str):
    sections, expected = TABLE[change]
    for section, values in sections.items():
        stack.set(section, **values)
    assert lifecycle.changed(stack, STATEFUL) == expected


def test_a_service_that_joins_the_catalog_is_added_beside_the_others(stack: CloudStack):
    catalog = stack.with_own_code() / "components" / "catalog.py"
    eleventh = "replace(_TELEMETRY, name='aex-eleventh', port=8099, collections=(), duties=(), secrets=())"
    catalog.write_text(
        catalog.read_text()
        + "\nfrom dataclasses import replace\n"
        + f"CATALOG = replace(CATALOG, services=(*CATALOG.services, {eleventh}))\n"
    )
    stack.set("image", digests={**PREBUILT["digests"], "aex-eleventh": OTHER})
    changes = lifecycle.changed(stack, STATEFUL)
    assert ("create", SERVICE, "aex-eleventh") in changes
    # What is said about all services together.
    together = {
        ("update", "gcp:monitoring/dashboard:Dashboard", "dashboard"),
        ("update", "gcp:logging/metric:Metric", "errors"),
        *(("update", POLICY, name) for name in ("cpu", "errors", "latency", "memory")),
    }
    assert {change for change in changes if change[0] != "create"} == together
    assert {change for change in changes if "eleventh" not in change[2]} == together


def test_a_second_cloud_is_added_beside_the_first(stack: CloudStack):
    stack.config["agent-exchange:clouds"] = ["gcp", "aws"]
    changes = lifecycle.changed(stack, STATEFUL)
    assert {op for op, _, _ in changes} == {"create"}
    assert not [kind for _, kind, _ in changes if kind.startswith(("gcp:", "agent-exchange:gcp:"))]
    assert ("create", "aws:ecs/cluster:Cluster", "cluster") in changes


def test_the_live_stack_is_at_rest_with_its_own_config(live: CloudStack):
    lifecycle.at_rest(live)
