"""Rules that hold for every stack, and the choices a stack has: names, tags, network, door, database."""

import base64
import ipaddress
import re
from dataclasses import replace
from typing import Any

import jwt
import pulumi
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pulumi import _types as sdk

from infra.aws.addresses import plan
from infra.aws.certificate import Proof, pending_text
from infra.aws.context import Context
from infra.aws.foundation import needed
from infra.aws.ingress import target_group_name
from infra.aws.secrets import public_key
from infra.components.catalog import CATALOG
from infra.components.rotation import versions
from infra.config import ConfigError
from tests.infra import arguments
from tests.infra.aws import stacks
from tests.infra.components.expected import PORTS
from tests.infra.mocks import Run, StrictError, run

SERVICE = "aws:ecs/service:Service"
LONG = [f"pr-a-branch-with-a-very-long-name-indeed-{end}" for end in ("one", "two")]


@pytest.mark.parametrize("name", ["staging", "production", "pr-12", "bootstrap"])
def test_every_resource_that_can_be_tagged_is(name: str) -> None:
    run = stacks.bootstrap() if name == "bootstrap" else stacks.stack(name)
    for resource in run.resources:
        described = arguments.resource_class(resource.type) if resource.custom else None
        inputs = arguments.arguments_class(described) if described else None
        kinds = sdk.input_type_types(inputs) if inputs else {}
        if "tags" in kinds and resource.type.startswith("aws:"):
            tags = resource.inputs.get("tags", {})
            assert {"project", "stack", "environment", "managed-by"} <= set(tags), resource.urn
            assert tags["stack"] == name


def test_services_are_told_apart_on_the_bill() -> None:
    run = stacks.stack("production")
    for token in (SERVICE, "aws:ecs/taskDefinition:TaskDefinition", "aws:ecr/repository:Repository"):
        tagged = {each.inputs["tags"].get("service") for each in run.of(token)} - {None}
        assert tagged == set(PORTS)
    assert all(each.inputs["propagateTags"] == "SERVICE" for each in run.of(SERVICE))


def names_of(run: Run) -> set[tuple[str, str]]:
    """(type, physical name) of everything whose name must be unique in an account."""
    keys = {"aws:ecs/taskDefinition:TaskDefinition": "family", "aws:s3/bucket:Bucket": "bucket"}
    keys |= {
        "aws:docdb/cluster:Cluster": "clusterIdentifier",
        "aws:docdb/clusterInstance:ClusterInstance": "identifier",
    }
    keys |= {"aws:cloudwatch/dashboard:Dashboard": "dashboardName"}
    keys |= {"aws:cloudwatch/compositeAlarm:CompositeAlarm": "alarmName"}
    own = {"aws:iam/rolePolicy:RolePolicy", "aws:route53/record:Record"}
    return {
        (each.type, each.inputs[keys.get(each.type, "name")])
        for each in run.resources
        if each.custom and each.type not in own and keys.get(each.type, "name") in each.inputs
    }


def test_two_long_stack_names_live_side_by_side() -> None:
    """Own clusters, so that everything that has a name is among them."""
    own = {"database": {"kind": "documentdb"}}
    first, second = (names_of(stacks.run_of(stacks.settings_of(name, own))) for name in LONG)
    assert first & second == set()
    assert len(first) > 150


def test_production_has_the_guides_bare_names() -> None:
    names = {name for _, name in names_of(stacks.stack("production"))}
    assert {
        "aex-gateway",
        "agent-exchange/aex-gateway",
        "/ecs/agent-exchange/aex-gateway",
        "aex-jwt-secret",
        "aex-api-key-salt",
        "aex-cluster",
        "aex-alb",
        "aex-docdb",
        "aex-docdb-subnet-group",
        "aex-docdb-sg",
    } <= names


def test_a_target_group_can_be_replaced_while_the_listener_uses_it() -> None:
    """A new name with everything that AWS replaces it for, and the new one first."""
    group = stacks.stack("production").one("aws:lb/targetGroup:TargetGroup")
    assert not group.options.deleteBeforeReplace
    settings = stacks.settings_of("pr-123")
    assert settings.aws is not None
    ctx = Context(settings=settings, aws=settings.aws, region=stacks.REGION, account=stacks.ACCOUNT)
    gateway = CATALOG.service("aex-gateway")
    moved = replace(gateway, port=gateway.port + 1)
    names = [target_group_name(ctx, gateway, "vpc-1"), target_group_name(ctx, gateway, "vpc-2")]
    names += [target_group_name(ctx, moved, "vpc-1")]
    assert len(set(names)) == 3
    assert names[0] == target_group_name(ctx, gateway, "vpc-1"), "unchanged, it stays"
    for name in [*names, group.inputs["name"]]:
        assert re.fullmatch(r"aex-gateway-tg-[0-9a-f]{6}(-pr-123)?", name)
        assert len(name) <= 32


@pytest.mark.parametrize("cidr", ["10.20.0.0/16", "172.16.0.0/20"])
@pytest.mark.parametrize("zones", [2, 3, 4])
def test_addresses_leave_room_and_never_overlap(cidr: str, zones: int) -> None:
    made = plan(cidr, zones)
    networks = [ipaddress.IPv4Network(block) for block in (*made.private, *made.public, *made.data)]
    assert len(networks) == 3 * zones
    assert all(network.subnet_of(ipaddress.IPv4Network(cidr)) for network in networks)
    assert not any(a.overlaps(b) for at, a in enumerate(networks) for b in networks[at + 1 :])
    used = sum(network.num_addresses for network in networks)
    assert used <= ipaddress.IPv4Network(cidr).num_addresses * 3 // 4
    with pytest.raises(ValueError, match="use 2 to 4"):
        plan(cidr, 5)


def test_data_subnets_lead_nowhere() -> None:
    run = stacks.stack("production")
    assert not [each for each in run.of("aws:ec2/route:Route") if each.inputs["routeTableId"] == "data-id"]
    assert {each.inputs["routeTableId"] for each in run.of("aws:ec2/routeTableAssociation:RouteTableAssociation")} == {
        "data-id",
        "public-id",
        "private-us-east-1a-id",
        "private-us-east-1b-id",
    }
    default = run.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert (default["ingress"], default["egress"]) == ([], [])
    assert not [each for each in run.of("aws:ec2/subnet:Subnet") if each.inputs["mapPublicIpOnLaunch"]]


def test_production_survives_a_zone() -> None:
    run = stacks.stack("production")
    gateways = {each.inputs["subnetId"] for each in run.of("aws:ec2/natGateway:NatGateway")}
    assert gateways == {"public-us-east-1a-id", "public-us-east-1b-id"}
    zones = {each.inputs["availabilityZone"] for each in run.of("aws:docdb/clusterInstance:ClusterInstance")}
    assert zones == {"us-east-1a", "us-east-1b"}
    classes = {each.inputs["instanceClass"] for each in run.of("aws:docdb/clusterInstance:ClusterInstance")}
    assert classes == {"db.r6g.large"}
    assert len(stacks.stack("staging").of("aws:ec2/natGateway:NatGateway")) == 1


def test_the_database_is_encrypted_audited_and_keeps_its_password_to_itself() -> None:
    for name in ("staging", "production"):
        run = stacks.stack(name)
        cluster = run.one("aws:docdb/cluster:Cluster").inputs
        assert cluster["storageEncrypted"] is True
        assert cluster["manageMasterUserPassword"] is True
        assert "masterPassword" not in cluster
        assert cluster["engineVersion"] == "5.0.0"
        parameters = run.one("aws:docdb/clusterParameterGroup:ClusterParameterGroup").inputs["parameters"]
        assert {"tls": "enabled", "audit_logs": "enabled", "profiler": "enabled"}.items() <= {
            each["name"]: each["value"] for each in parameters
        }.items()
        assert cluster["enabledCloudwatchLogsExports"] == ["audit", "profiler"]


def test_a_cluster_can_start_from_a_snapshot() -> None:
    aws = {"database": {"restoreFrom": "aex-docdb-final-12345678", "instanceClass": "db.r5.large"}}
    run = stacks.run_of(stacks.settings_of("staging", aws))
    cluster = run.one("aws:docdb/cluster:Cluster").inputs
    assert cluster["snapshotIdentifier"] == "aex-docdb-final-12345678"
    assert "masterUsername" not in cluster
    assert run.one("aws:docdb/clusterInstance:ClusterInstance").inputs["instanceClass"] == "db.r5.large"


def test_an_ephemeral_stack_lives_in_staging_with_databases_of_its_own() -> None:
    run = stacks.stack("pr-12")
    assert not [each for each in run.resources if each.type in ("aws:ec2/vpc:Vpc", "aws:docdb/cluster:Cluster")]
    found = stacks.containers(run.one("aws:ecs/taskDefinition:TaskDefinition", "aex-identity"))["environment"]
    variables = {each["name"]: each["value"] for each in found}
    assert variables["MONGO_HOST"] == "staging.docdb.example"
    assert variables["MONGO_DB"] == variables["MONGO_USER"] == "aex-identity-pr-12"
    assert run.one("aws:ecs/cluster:Cluster").inputs["tags"]["time-to-live-hours"] == "72"


def test_a_host_that_cannot_be_shared_is_named_with_the_remedy() -> None:
    assert needed("staging", "vpcId", "vpc-1") == "vpc-1"
    with pytest.raises(ConfigError, match=r"(?s)'staging'.*has no endpoints.*set network\.interfaceEndpoints to true"):
        needed("staging", "endpoints", "")


def listeners(run: Run) -> dict[int, str]:
    return {each.inputs["port"]: each.inputs["protocol"] for each in run.of("aws:lb/listener:Listener")}


def test_a_domain_gets_a_certificate_a_record_and_modern_tls() -> None:
    run = stacks.stack("production")
    assert run.one("aws:lb/listener:Listener", "https").inputs["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    validation = run.one("aws:acm/certificateValidation:CertificateValidation")
    assert validation.options.customTimeouts.create == "15m"
    assert len(validation.options.hooks.on_error) == 1
    alias = run.one("aws:route53/record:Record", "domain").inputs
    assert (alias["name"], alias["type"]) == ("aex.example.org", "A")
    assert run.outputs["aws"]["gatewayUrl"] == "https://aex.example.org"


def test_a_certificate_that_stays_pending_is_told_with_the_whole_record() -> None:
    text = pending_text("aex.example.org", [Proof("CNAME", "_1.aex.example.org.", "_2.acm-validations.aws.")])
    assert "type CNAME, name _1.aex.example.org., value _2.acm-validations.aws." in text
    assert "`dig +trace CNAME _1.aex.example.org.`" in text
    assert "run `pulumi up` again" in text


def test_without_a_domain_staging_speaks_http() -> None:
    run = stacks.stack("staging")
    assert listeners(run) == {80: "HTTP"}
    assert run.outputs["aws"]["gatewayUrl"] == "http://alb.dnsName"


def test_a_certificate_that_exists_is_taken_and_dns_left_alone() -> None:
    arn = f"arn:aws:acm:us-east-1:{stacks.ACCOUNT}:certificate/abc"
    aws: dict[str, Any] = {"domain": "aex.example.org", "certificateArn": arn}
    run = stacks.run_of(stacks.settings_of("staging", aws))
    assert run.one("aws:lb/listener:Listener", "https").inputs["certificateArn"] == arn
    assert [each.type for each in run.resources if "acm" in each.type or "route53" in each.type] == []


def test_internal_routes_are_refused_at_the_door() -> None:
    for name, listener in (("staging", "http"), ("production", "https")):
        rule = stacks.stack(name).one("aws:lb/listenerRule:ListenerRule").inputs
        assert rule["conditions"] == [{"pathPattern": {"values": ["/internal", "/internal/*"]}}]
        assert rule["actions"][0]["fixedResponse"]["statusCode"] == "404"
        assert rule["listenerArn"].endswith(f":{listener}")


def test_the_door_is_hardened() -> None:
    for name, protected in (("staging", False), ("production", True)):
        balancer = stacks.stack(name).one("aws:lb/loadBalancer:LoadBalancer").inputs
        assert balancer["dropInvalidHeaderFields"] is True
        assert balancer["desyncMitigationMode"] == "defensive"
        assert balancer["enableDeletionProtection"] is protected
        for block in stacks.stack(name).of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"):
            assert all(value for key, value in block.inputs.items() if key != "bucket")
        assert len(balancer["subnets"]) == 2


@pytest.mark.parametrize(
    ("aws", "function", "message"),
    [
        ({"domain": "aex.example.org"}, "aws:route53/getZone:getZone", "no public Route 53 zone example.org"),
        (
            {"database": {"kind": "atlas", "atlasCidr": "192.168.248.0/21", "atlasPeering": "pcx-0123456789abcdef0"}},
            "aws:secretsmanager/getSecret:getSecret",
            "create it with `aws secretsmanager create-secret --name aex-mongo-uri-staging",
        ),
    ],
)
def test_what_is_missing_in_the_account_stops_before_anything_is_declared(
    aws: dict[str, Any], function: str, message: str
) -> None:
    from infra.aws.platform import build

    def missing(_: object) -> dict[str, Any]:
        raise RuntimeError("couldn't find resource")

    def program() -> None:
        with pytest.raises(ConfigError) as caught:
            build(stacks.settings_of("staging", aws))
        said.append(str(caught.value))

    said: list[str] = []
    answers = {**stacks.ANSWERS, function: missing}
    assert run(program, stack="staging", answers=answers, preview=False).resources == []
    assert message in said[0]


def test_a_rotation_uses_what_every_receiver_has_known_before() -> None:
    assert versions(1, shared=True) == (1, 2)
    assert versions(2, shared=True) == (2, 3, 1)
    assert versions(2, shared=False) == (2, 1)

    def values(rotation: int) -> set[str]:
        settings = stacks.settings_of("staging", secrets={"aex-jwt-secret": rotation})
        run = stacks.run_of(settings)
        return {each.name for each in run.of("random:index/randomBytes:RandomBytes") if "jwt" in each.name}

    assert values(2) == {f"aex-jwt-secret-{version}" for version in (1, 2, 3)}
    for each in stacks.stack("production").of("random:index/randomBytes:RandomBytes"):
        # The next rotation but one drops it; what is protected could not be dropped.
        assert each.options.protect is each.name.endswith("-signing-key"), each.name


def test_a_public_key_checks_what_its_seed_has_signed() -> None:
    """As the services do it: EdDSA, raw keys of 32 bytes in base64."""
    seed = base64.b64encode(bytes(range(32))).decode()
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    token = jwt.encode({"iss": "aex-gateway"}, private, algorithm="EdDSA")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(seed)))
    assert jwt.decode(token, public, algorithms=["EdDSA"]) == {"iss": "aex-gateway"}


def test_outputs_say_where_everything_is_and_keep_secrets_secret() -> None:
    found = stacks.stack("production").outputs["aws"]
    assert set(found["services"]) == set(found["registry"]) == set(found["logs"]) == set(PORTS)
    assert {"gatewayUrl", "database", "cluster", "roles", "dashboard", "apiKey", "foundation"} <= set(found)
    assert not [key for key in found if "password" in key.lower()]


def test_what_holds_data_is_protected_in_production_only() -> None:
    protected = {each.type for each in stacks.stack("production").resources if each.options.protect and each.custom}
    assert {
        "aws:docdb/cluster:Cluster",
        "aws:ecr/repository:Repository",
        "aws:kms/key:Key",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "random:index/randomBytes:RandomBytes",
        "random:index/randomPassword:RandomPassword",
    } == protected


def test_the_mocks_would_notice() -> None:
    """A misspelled argument deep inside of a component is a failure."""
    import pulumi_aws as aws

    class Wrong(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("test:x:Wrong", "wrong")
            aws.ecs.Service("s", deployment_circuit_breaker={"enabled": True}, opts=pulumi.ResourceOptions(parent=self))  # pyright: ignore
            self.register_outputs({})

    with pytest.raises(StrictError, match=r"deploymentCircuitBreaker\.enabled is not an argument"):
        from tests.infra.mocks import declared

        declared(Wrong)
