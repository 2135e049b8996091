"""The config of a stack: defaults of its environment, and an error with a remedy for everything that cannot be."""

import json
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from infra.components.catalog import CATALOG
from infra.config import Cloud, ConfigError, Environment, Settings, load
from infra.config.aws import Nat
from infra.config.gcp import Access, Egress

LOCAL = {"clouds": ["local"]}
PLACES = {"aws:region": "us-east-1", "gcp:region": "us-central1", "gcp:project": "my-project-1"}
DIGEST = "sha256:" + "0" * 64


def settings(stack: str, values: Mapping[str, object], **places: str) -> Settings:
    return load({**PLACES, **places, **{f"agent-exchange:{key}": value for key, value in values.items()}}, stack)


def refused(stack: str, values: Mapping[str, object], **places: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(stack, values, **places)
    assert f"Pulumi.{stack}.yaml" in str(caught.value)
    return str(caught.value)


# --- environments


def test_local_has_usable_defaults() -> None:
    found = settings("local", LOCAL)
    assert found.environment is Environment.LOCAL
    assert found.clouds == (Cloud.LOCAL,)
    assert not found.protect
    assert found.local is not None
    assert found.local.resolved_ports["aex-gateway"] == 8080
    assert found.local.resolved_ports["aex-telemetry"] == 8089
    assert found.aws is None
    assert found.gcp is None


def test_production_is_protected_and_spread_over_zones() -> None:
    found = settings("production", {"clouds": ["aws"], "aws": {"domain": "aex.example.org"}})
    assert found.protect
    assert found.aws is not None
    assert (found.aws.network.nat, found.aws.minimum_instances, found.aws.database.instances) == (Nat.PER_AZ, 2, 2)
    assert found.time_to_live_hours is None


@pytest.mark.parametrize("stack", ["pr-12", "dev-anna"])
def test_stacks_of_pull_requests_and_developers_expire(stack: str) -> None:
    found = settings(stack, {"clouds": ["gcp", "aws"]})
    assert found.environment is Environment.EPHEMERAL
    assert not found.protect
    assert found.time_to_live_hours == 72
    assert found.gcp is not None
    assert found.gcp.network.egress is Egress.NONE


def test_a_stacks_own_values_win_key_by_key() -> None:
    found = settings(
        "production", {"clouds": ["aws"], "aws": {"allowHttp": True, "database": {"instances": 3}, "firewall": "count"}}
    )
    assert found.aws is not None
    assert found.aws.database.instances == 3
    assert found.aws.database.instance_class == "db.r6g.large"
    assert found.aws.network.nat is Nat.PER_AZ


def test_an_unknown_stack_must_say_what_it_is_for() -> None:
    message = refused("acme", {"clouds": ["aws"]})
    assert "agent-exchange:environment is missing" in message
    assert "local, ephemeral, staging, production" in message
    assert settings("acme", {"clouds": ["aws"], "environment": "staging"}).environment is Environment.STAGING


@pytest.mark.parametrize(
    ("stack", "environment", "message"),
    [
        ("acme", "prod", "'prod' is not a choice; did you mean production?"),
        ("acme", "bootstrap", "'bootstrap' is not a choice"),
        ("production", "staging", "stack 'production' is always production: remove the key"),
        ("local", "ephemeral", "stack 'local' is always local"),
    ],
)
def test_an_environment_that_cannot_be(stack: str, environment: str, message: str) -> None:
    assert message in refused(stack, {"clouds": ["aws"], "environment": environment})


# --- shapes


def test_values_as_the_engine_delivers_them() -> None:
    found = settings(
        "local",
        {
            "clouds": '["local"]',
            "protect": "true",
            "local": json.dumps({"keepData": False, "ports": {"aex-gateway": 9000}}),
        },
    )
    assert found.protect
    assert found.local is not None
    assert not found.local.keep_data
    assert found.local.resolved_ports["aex-gateway"] == 9000
    assert found.local.resolved_ports["aex-work-publisher"] == 8081


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"locl": {}}, "agent-exchange:locl: there is no such key; did you mean local?"),
        ({"local": {"keepDta": True}}, "agent-exchange:local.keepDta: there is no such key; did you mean keepData?"),
        (
            {"local": {"keep_data": True}},
            "agent-exchange:local.keep_data: there is no such key; did you mean keepData?",
        ),
        (
            {"aws": {"network": {"natt": "none"}}},
            "agent-exchange:aws.network.natt: there is no such key; did you mean nat?",
        ),
        (
            {"gcp": {"scaling": {"aex-gateway": {"min": 1}}}},
            "agent-exchange:gcp.scaling.aex-gateway.min: there is no such key; did you mean minimum?",
        ),
        ({"local": "yes"}, "agent-exchange:local: 'yes' is not an object: write keys below it (basePort, "),
        ({"local": '{"keepData"'}, "is not an object"),
        ({"clouds": "local"}, "agent-exchange:clouds: 'local' is not a list"),
        ({"clouds": ["azure"]}, "agent-exchange:clouds[0]: 'azure' is not a choice; use one of local, gcp, aws"),
        ({"protect": "maybe"}, "agent-exchange:protect: 'maybe' is neither true nor false"),
        ({"local": {"basePort": "80a"}}, "agent-exchange:local.basePort: '80a' is not a whole number"),
        ({"local": {"ports": {"aex-gatway": 9000}}}, "'aex-gatway' is not a service: did you mean aex-gateway?"),
        ({"secrets": {"aex-jwt": 2}}, "'aex-jwt' is not a secret: did you mean aex-jwt-secret?"),
        ({"image": {"digests": {"aex-gateway": "latest"}}}, "'latest' does not match ^sha256:"),
        (
            {"aws": {"alarms": {"emails": ["anna"]}}},
            "agent-exchange:aws.alarms.emails[0]: 'anna' is not an e-mail address",
        ),
    ],
)
def test_shapes_that_are_refused(values: dict[str, object], message: str) -> None:
    assert message in refused("local", {**LOCAL, **values})


def test_every_problem_is_reported_at_once() -> None:
    message = refused("local", {**LOCAL, "local": {"host": "192.168.1.5", "logLevel": "loud", "basePort": 0}})
    assert message.count("\n  - ") == 3


def test_secrets_do_not_show_in_errors_or_in_the_settings() -> None:
    uri = "mongodb://user:hunter2@db.example.org"
    assert "hunter2" not in refused("local", {**LOCAL, "local": {"storeType": "mongo", "mongoUri": {"x": uri}}})
    assert "hunter2" not in repr(settings("local", {**LOCAL, "local": {"storeType": "mongo", "mongoUri": uri}}))


def test_other_namespaces_are_left_alone() -> None:
    assert load({"agent-exchange:clouds": ["local"], "pulumi:tags": "{}", "aws:profile": "anna"}, "local").clouds


# --- contradictions


@pytest.mark.parametrize(
    ("stack", "values", "message"),
    [
        ("local", {}, "agent-exchange:clouds is missing: set it to [local]"),
        ("staging", {}, "agent-exchange:clouds is missing: set it to [aws], [gcp] or [gcp, aws]"),
        ("staging", {"clouds": []}, "agent-exchange:clouds is missing"),
        ("staging", {"clouds": ["aws", "aws"]}, "a cloud is named twice"),
        ("local", {"clouds": ["local", "aws"]}, "this machine cannot be mixed with a cloud"),
        ("production", {"clouds": ["local"]}, "[local] does not go with environment production"),
        ("local", {"clouds": ["aws"]}, "[aws] does not go with environment local"),
        ("production", {"clouds": ["gcp"], "protect": False}, "production without protection can lose its data"),
        ("staging", {"clouds": ["gcp"], "confirmUnprotected": "production"}, "is not the name of this stack"),
        ("staging", {"clouds": ["gcp"], "timeToLiveHours": 5}, "a staging stack does not expire"),
        ("pr-1", {"clouds": ["gcp"], "protect": True}, "a protected stack cannot expire"),
        (
            "staging",
            {"clouds": ["gcp"], "image": {"source": "prebuilt", "digests": {"aex-gateway": DIGEST}}},
            "aex-work-publisher, aex-bid-gateway",
        ),
        ("staging", {"clouds": ["gcp"], "image": {"digests": {"aex-gateway": DIGEST}}}, "set source to prebuilt"),
        ("bootstrap", {"clouds": ["aws"]}, "agent-exchange:github: bootstrap binds the deploy identities"),
    ],
)
def test_contradictions(stack: str, values: dict[str, object], message: str) -> None:
    assert message in refused(stack, values)


def test_production_can_be_unprotected_by_typing_its_name() -> None:
    found = settings("production", {"clouds": ["gcp"], "protect": "false", "confirmUnprotected": "production"})
    assert not found.protect


@pytest.mark.parametrize(
    ("local", "message"),
    [
        ({"host": "192.168.1.5"}, "'192.168.1.5' is not an address of this machine alone: use 127.0.0.1"),
        ({"serviceAuth": "google"}, "google needs Cloud Run"),
        ({"storeType": "mongo"}, "storeType mongo needs a server: set mongoUri"),
        ({"storeType": "firestore"}, "on this machine use sqlite, or mongo with mongoUri"),
        ({"mongoUri": "mongodb://x"}, "mongoUri is set but storeType is sqlite"),
        ({"ports": {"aex-gateway": 8081}}, "two services would listen on port 8081"),
        ({"basePort": 65530}, "agent-exchange:local.basePort: 65530 is refused"),
    ],
)
def test_contradictions_on_this_machine(local: dict[str, object], message: str) -> None:
    assert message in refused("local", {**LOCAL, "local": local})


@pytest.mark.parametrize(
    ("stack", "aws", "message"),
    [
        ("staging", {"network": {"cidr": "8.8.0.0/16"}}, "is not a private network"),
        ("staging", {"network": {"cidr": "10.0.0.1/16"}}, "is not an IPv4 network"),
        ("staging", {"network": {"cidr": "10.0.0.0/24"}}, "is too small for six subnets"),
        ("staging", {"network": {"availabilityZones": ["us-east-1a"]}}, "at least two different zones"),
        ("staging", {"network": {"availabilityZones": ["us-east-1a", "eu-west-1b"]}}, "eu-west-1b is not in region"),
        ("staging", {"network": {"nat": "none"}}, "which aex-work-publisher needs: use single or per-az"),
        (
            "staging",
            {"network": {"nat": "none", "interfaceEndpoints": False}},
            "no way to images, secrets and logs: set interfaceEndpoints to true, or nat to single or per-az",
        ),
        ("staging", {"database": {"kind": "atlas"}}, "atlasCidr and kind atlas go together"),
        ("staging", {"database": {"sharedWith": "qa"}}, "sharedWith is for kind shared"),
        ("staging", {"database": {"kind": "shared", "sharedWith": "qa"}}, "shared is for ephemeral stacks"),
        ("pr-1", {"database": {"sharedWith": "pr-1"}}, "cannot share its own cluster"),
        ("staging", {"network": {"availabilityZones": [f"us-east-1{z}" for z in "abcde"]}}, "drop some"),
        ("staging", {"executeCommand": {"aex-gateway": "2026-01-01"}}, "ended on 2026-01-01: remove it"),
        ("staging", {"executeCommand": {"aex-gateway": "2999-01-01"}}, "is more than 14 days away"),
        ("staging", {"database": {"kind": "shared", "sharedWith": "staging"}}, "cannot share its own cluster"),
        (
            "staging",
            {
                "database": {"kind": "atlas", "atlasCidr": "10.20.8.0/21", "atlasPeering": "pcx-0123456789abcdef0"},
            },
            "overlaps network.cidr",
        ),
        ("staging", {"sizes": {"aex-gateway": {"cpu": 512, "memory": 512}}}, "no 512 MB with 512 CPU units"),
        ("staging", {"scaling": {"aex-gateway": {"minimum": 5, "maximum": 2}}}, "minimum 5 is above maximum 2"),
        ("staging", {"scaling": {"aex-gateway": {"minimum": 50}}}, "a minimum of 50 is above the maximum of 10"),
        ("staging", {"scaling": {"aex-gateway": {"fixed": 2, "maximum": 4}}}, "fixed and a range exclude each other"),
        ("staging", {"domain": "https://aex.example.org"}, "is not a domain name"),
        ("staging", {"certificateArn": "arn:aws:acm:us-east-1:1:certificate/x"}, "of no use without a domain"),
        ("staging", {"domain": "aex.example.org", "zone": "example.com"}, "is not in zone example.com"),
        ("staging", {"logRetentionDays": 31}, "cannot keep logs for 31 days: use one of 1, 3, 5"),
        ("production", {}, "production needs a domain"),
    ],
)
def test_contradictions_on_amazon(stack: str, aws: dict[str, object], message: str) -> None:
    assert message in refused(stack, {"clouds": ["aws"], "aws": aws})


def test_atlas_needs_a_way_out_even_where_no_service_does(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [service for service in CATALOG.services if not service.external]
    monkeypatch.setattr("infra.config.aws.CATALOG", SimpleNamespace(services=inside))
    atlas = {"kind": "atlas", "atlasCidr": "192.168.248.0/21", "atlasPeering": "pcx-0123456789abcdef0"}
    closed = {"nat": "none", "interfaceEndpoints": True}
    assert settings("staging", {"clouds": ["aws"], "aws": {"network": closed}}).aws is not None
    message = refused("staging", {"clouds": ["aws"], "aws": {"network": closed, "database": atlas}})
    assert "network.nat none and database.kind atlas exclude each other" in message
    assert "set network.nat to single or per-az" in message


@pytest.mark.parametrize(
    ("stack", "gcp", "message"),
    [
        ("staging", {"network": {"cidr": "10.0.0.0/27"}}, "is too small for Cloud Run: use /26"),
        ("staging", {"network": {"connectorCidr": "10.30.1.0/26"}}, "a connector takes a /28"),
        ("staging", {"network": {"connectorCidr": "10.30.0.16/28"}}, "overlap: move one of them"),
        ("pr-1", {"network": {"nat": True}}, "nat needs a network"),
        ("staging", {"access": "loadbalancer"}, "needs a domain for its certificate"),
        ("staging", {"access": "iam", "domain": "aex.example.org"}, "set access to loadbalancer"),
        ("staging", {"invokers": ["user:anna@example.org"]}, "invokers are for access iam"),
        ("staging", {"invokers": ["anna"], "access": "iam"}, "agent-exchange:gcp.invokers[0]: 'anna' does not match"),
        ("staging", {"sizes": {"aex-gateway": {"cpu": 4, "memory": 512}}}, "no 512 MiB with 4 vCPU"),
        ("staging", {"traffic": {"aex-gateway": {"latest": 10, "aex-gateway-1": 80}}}, "adds up to 90 per cent"),
        (
            "bootstrap",
            {"createProject": {"billingAccount": "012345-6789AB-CDEF01"}},
            "set either folder or organization",
        ),
        ("production", {"access": "public"}, "production is not open to everybody"),
        ("production", {"network": {"egress": "none"}}, "every service of production is reachable from outside"),
    ],
)
def test_contradictions_on_google(stack: str, gcp: dict[str, object], message: str) -> None:
    assert message in refused(stack, {"clouds": ["gcp"], "gcp": gcp})


def test_the_way_to_the_gateway_on_google() -> None:
    assert settings("staging", {"clouds": ["gcp"]}).gcp_access is Access.PUBLIC
    assert settings("production", {"clouds": ["gcp"]}).gcp_access is Access.IAM
    with_domain = {"clouds": ["gcp"], "gcp": {"domain": "aex.example.org"}}
    assert settings("production", with_domain).gcp_access is Access.LOADBALANCER
    assert settings("local", LOCAL).gcp_access is None


def test_a_date_without_quotes_in_yaml_is_the_date_that_one_reads() -> None:
    # What Pulumi 3 hands over for `until: 2027-01-31`.
    given = "2027-01-31 00:00:00 +0000 UTC"
    waiver = {"rule": "tags", "resource": "vpc", "reason": "somebody else pays for it", "until": given}
    found = settings(
        "staging",
        {
            "clouds": ["aws"],
            "policy": json.dumps({"waivers": [waiver]}),
            "aws": json.dumps({"restart": {"aex-gateway": given}}),
        },
    )
    assert found.policy.waivers[0].until.isoformat() == "2027-01-31"
    assert found.aws is not None and found.aws.restart["aex-gateway"] == "2027-01-31"


@pytest.mark.parametrize(
    ("key", "value"), [("aws:region", "virginia"), ("gcp:region", "us central"), ("gcp:project", "My Project")]
)
def test_the_providers_own_keys_are_needed_and_checked(key: str, value: str) -> None:
    clouds = {"clouds": [key.partition(":")[0]]}
    assert f"{key}: {value!r} does not look like one" in refused("staging", clouds, **{key: value})
    assert f"{key}: is missing: set it, as in `pulumi config set {key}" in refused("staging", clouds, **{key: ""})
