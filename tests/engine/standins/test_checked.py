"""What a stand-in refuses, makes up and remembers; without the engine, whose side of it the lifecycle tests show."""

from __future__ import annotations

import re
import threading

import pytest
from pulumi import _types as sdk

from infra.components.protocol import UNKNOWN, Context, Created, PlainProperties, ProviderError, Resource
from tests.engine.standins.checked import CheckedKind
from tests.engine.standins.docker import DOCKER_TABLE, IMAGE, DockerWorld, docker_provider
from tests.engine.standins.gcp import gcp_provider, gcp_world
from tests.engine.standins.gcp.network import NETWORK
from tests.engine.standins.gcp.run import SERVICE
from tests.engine.standins.gcp.table import ACCOUNT, DATABASE, SECRET, SECRET_VERSION, TABLE
from tests.engine.standins.provider import CheckedProvider
from tests.engine.standins.random import random_provider
from tests.engine.standins.world import World
from tests.infra.arguments import arguments_class, resource_class

REPLICATION: PlainProperties = {"auto": {}}
READER = "gcp:secretmanager/secretIamMember:SecretIamMember"


def urn(token: str, name: str, stack: str = "pr-1") -> str:
    return f"urn:pulumi:{stack}::agent-exchange::{token}::{name}"


class Cloud:
    """A provider and its world, called as the engine would."""

    def __init__(self) -> None:
        self.world = gcp_world()
        self.provider = gcp_provider(self.world)

    def kind(self, token: str) -> CheckedKind:
        found = self.provider.kind(token)
        assert isinstance(found, CheckedKind)
        return found

    def create(self, token: str, label: str, /, **inputs: object) -> Resource:
        given: PlainProperties = dict(inputs)  # type: ignore[arg-type]
        assert list(self.kind(token).check(given)) == []
        made = self.kind(token).create(Context(urn=urn(token, label)), given)
        return Resource(urn(token, label), made.id, given, made.outputs)

    def delete(self, resource: Resource) -> None:
        token = resource.urn.split("::")[2]
        self.kind(token).delete(Context(urn=resource.urn), resource)

    def problems(self, token: str, **inputs: object) -> list[str]:
        return [failure.reason for failure in self.kind(token).check(dict(inputs))]  # type: ignore[arg-type]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.mark.parametrize("token", sorted({**TABLE, **NETWORK, **DOCKER_TABLE}))
def test_a_row_names_only_what_the_sdk_has(token: str):
    row = {**TABLE, **NETWORK, **DOCKER_TABLE}[token]
    described = resource_class(token)
    assert described is not None
    accepted = arguments_class(described)
    assert accepted is not None
    inputs, outputs = set(sdk.input_type_types(accepted)), set(sdk.resource_types(described))
    named = {path.partition(".")[0] for path in row.replace_on}
    named |= {guard.property for guard in row.guards} | {name for name, _ in row.abandoned}
    named |= {within.property for within in row.within} | ({row.name.property} if row.name else set())
    assert named <= inputs
    assert set(row.outputs) | row.volatile | row.secret_outputs <= outputs
    required = sdk._required_property_names(accepted)
    assert not (row.name and row.name.auto and row.name.property in required), "the provider makes no name up"


class TestChecks:
    def test_an_unknown_property_and_a_missing_one(self, cloud: Cloud):
        said = " ".join(cloud.problems(SECRET, secretName="x"))
        assert "secretName is not an argument" in said
        assert "replication is missing" in said

    def test_a_wrong_type_at_depth(self, cloud: Cloud):
        template: PlainProperties = {"containers": [{"image": "x", "ports": {"containerPort": "a"}}]}
        (problem,) = cloud.problems(SERVICE, location="us-central1", template=template)
        assert problem == "template.containers[0].ports.containerPort is the text 'a', not a whole number"

    def test_an_unknown_value_may_be_anything(self, cloud: Cloud):
        assert cloud.problems(SECRET, secretId=UNKNOWN, replication=UNKNOWN) == []

    @pytest.mark.parametrize("name", ["Upper", "ends-", "x" * 50, "with space"])
    def test_a_name_that_the_cloud_refuses(self, cloud: Cloud, name: str):
        assert "is not at most 49 characters" in cloud.problems(SERVICE, name=name, location="l", template={})[0]

    def test_a_type_that_nobody_has_described(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="no row for gcp:pubsub/topic:Topic"):
            cloud.kind("gcp:pubsub/topic:Topic")


class TestNames:
    TOKEN = "gcp:compute/network:Network"

    def test_one_that_the_program_does_not_give_is_made_up_and_kept(self, cloud: Cloud):
        kind = cloud.kind(self.TOKEN)
        made = kind.complete(urn(self.TOKEN, "VPC"), {}, None)
        assert re.fullmatch("vpc-[0-9a-f]{7}", str(made["name"]))
        assert kind.complete(urn(self.TOKEN, "VPC"), {}, made) == made
        assert kind.complete(urn(self.TOKEN, "VPC"), {}, None) != made, "a replacement needs another one"

    def test_one_that_the_program_gives_is_left_alone(self, cloud: Cloud):
        assert cloud.kind(self.TOKEN).complete(urn(self.TOKEN, "vpc"), {"name": "mine"}, None) == {}


class TestOutputs:
    def test_they_are_unknown_before_and_recognisable_after_a_creation(self, cloud: Cloud):
        inputs: PlainProperties = {"accountId": "aex-gateway"}
        before = cloud.kind(ACCOUNT).preview(None, inputs)
        made = cloud.create(ACCOUNT, "gateway", **inputs)
        assert set(made.outputs) == set(before)
        assert all(before[key] is UNKNOWN for key in before if key != "accountId")
        assert made.outputs["email"] == "aex-gateway@acme-exchange.iam.gserviceaccount.com"
        assert made.id.endswith(str(made.outputs["email"]))

    def test_an_update_keeps_them(self, cloud: Cloud):
        made = cloud.create(ACCOUNT, "gateway", accountId="aex-gateway")
        changed: PlainProperties = {"accountId": "aex-gateway", "displayName": "Gateway"}
        after = cloud.kind(ACCOUNT).update(Context(urn=made.urn), made, changed)
        assert after == {**made.outputs, "displayName": "Gateway"}


class TestDifferences:
    def test_what_is_immutable_replaces(self, cloud: Cloud):
        made = cloud.create(SECRET, "key", secretId="key", replication=REPLICATION)
        change = cloud.kind(SECRET).diff(made, {"secretId": "key", "replication": {"userManaged": {}}, "ttl": "1s"})
        assert change.replaced == {"replication.auto", "replication.userManaged"}
        assert change.added == {"replication.userManaged", "ttl"}

    def test_a_part_of_a_property_can_be_immutable(self, cloud: Cloud):
        kind = cloud.kind("gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig")
        inputs: PlainProperties = {
            "displayName": "x",
            "timeout": "5s",
            "httpCheck": {"requestMethod": "GET", "path": "/"},
        }
        resource = Resource("", "", inputs, inputs)
        assert not kind.diff(resource, {**inputs, "httpCheck": {"requestMethod": "GET", "path": "/x"}}).replaced
        assert kind.diff(resource, {**inputs, "httpCheck": {"requestMethod": "POST", "path": "/"}}).replaced

    def test_what_a_refresh_found_is_a_difference(self, cloud: Cloud):
        made = cloud.create(ACCOUNT, "gateway", accountId="aex-gateway", displayName="Gateway")
        cloud.world.tamper(ACCOUNT, displayName="Mine")
        seen = cloud.kind(ACCOUNT).read(Context(urn=made.urn), made)
        assert seen is not None
        assert cloud.kind(ACCOUNT).diff(Resource(made.urn, made.id, made.inputs, seen), made.inputs).drifted == {
            "displayName"
        }

    def test_what_is_gone_is_gone(self, cloud: Cloud):
        made = cloud.create(ACCOUNT, "gateway", accountId="aex-gateway")
        cloud.world.lose(ACCOUNT)
        assert cloud.kind(ACCOUNT).read(Context(urn=made.urn), made) is None
        with pytest.raises(ProviderError, match="run `pulumi refresh`"):
            cloud.kind(ACCOUNT).update(Context(urn=made.urn), made, made.inputs)
        cloud.delete(made)


class TestWhatHangsTogether:
    def test_nothing_is_made_in_what_does_not_exist(self, cloud: Cloud):
        with pytest.raises(ProviderError, match="no gcp:secretmanager/secret:Secret that exists"):
            cloud.create(SECRET_VERSION, "v", secret="projects/acme-exchange/secrets/none", secretData="s")

    def test_the_same_thing_is_not_made_twice(self, cloud: Cloud):
        cloud.create(SECRET, "one", secretId="key", replication=REPLICATION)
        with pytest.raises(ProviderError, match="409"):
            cloud.create(SECRET, "two", secretId="key", replication=REPLICATION)

    def test_what_is_used_does_not_go(self, cloud: Cloud):
        network = cloud.create("gcp:compute/network:Network", "vpc", name="vpc")
        subnet = cloud.create(
            "gcp:compute/subnetwork:Subnetwork",
            "s",
            name="s",
            network=network.id,
            region="r",
            ipCidrRange="10.0.0.0/24",
        )
        with pytest.raises(ProviderError, match=r"is in use by .*::s"):
            cloud.delete(network)
        cloud.delete(subnet)
        cloud.delete(network)
        assert cloud.world.things() == []

    def test_a_container_may_take_its_contents_along(self, cloud: Cloud):
        secret = cloud.create(SECRET, "key", secretId="key", replication=REPLICATION)
        first = cloud.create(SECRET_VERSION, "v", secret=secret.id, secretData="s", deletionPolicy="ABANDON")
        second = cloud.create(SECRET_VERSION, "w", secret=secret.id, secretData="t")
        assert [first.outputs["version"], second.outputs["version"]] == ["1", "2"]
        cloud.delete(first)
        assert [thing.id for thing in cloud.world.left()] == [secret.id, second.id]
        assert len(cloud.world.things()) == 3
        cloud.delete(secret)
        assert cloud.world.things() == []

    def test_what_is_guarded_does_not_go(self, cloud: Cloud):
        database = cloud.create(
            DATABASE, "d", name="aex-data", locationId="us-central1", type="FIRESTORE_NATIVE",
            deletionPolicy="DELETE", deleteProtectionState="DELETE_PROTECTION_ENABLED",
        )  # fmt: skip
        with pytest.raises(ProviderError, match="delete protection is enabled"):
            cloud.delete(database)

    def test_a_database_without_a_policy_is_forgotten_and_lives_on(self, cloud: Cloud):
        cloud.delete(cloud.create(DATABASE, "d", name="aex-data", locationId="us-central1", type="FIRESTORE_NATIVE"))
        assert cloud.world.left() == []
        with pytest.raises(ProviderError, match="409"):
            cloud.create(DATABASE, "d", name="aex-data", locationId="us-central1", type="FIRESTORE_NATIVE")


TEMPLATE: PlainProperties = {
    "serviceAccount": "aex-gateway@acme-exchange.iam.gserviceaccount.com",
    "containers": [
        {
            "image": "x@sha256:0",
            "resources": {"limits": {"cpu": "1", "memory": "512Mi"}},
            "envs": [{"name": "K", "valueSource": {"secretKeyRef": {"secret": "key", "version": "1"}}}],
        }
    ],
}


class TestCloudRun:
    def deploy(self, cloud: Cloud, template: PlainProperties | None = None) -> Resource:
        return cloud.create(SERVICE, "s", name="s", location="us-central1", template=template or TEMPLATE)

    def test_account_secret_version_and_permission_come_first(self, cloud: Cloud):
        with pytest.raises(ProviderError, match=r"service account .* does not exist"):
            self.deploy(cloud)
        account = cloud.create(ACCOUNT, "gateway", accountId="aex-gateway")
        with pytest.raises(ProviderError, match="secret key does not exist"):
            self.deploy(cloud)
        secret = cloud.create(SECRET, "key", secretId="key", replication=REPLICATION)
        with pytest.raises(ProviderError, match="has no version 1"):
            self.deploy(cloud)
        cloud.create(SECRET_VERSION, "v", secret=secret.id, secretData="s")
        with pytest.raises(ProviderError, match=r"has no roles/secretmanager\.secretAccessor"):
            self.deploy(cloud)
        member = f"serviceAccount:{account.outputs['email']}"
        cloud.create(READER, "r", secretId=secret.id, role="roles/secretmanager.secretAccessor", member=member)
        self.deploy(cloud)

    @pytest.mark.parametrize(
        ("container", "says"),
        [
            ({"resources": {"limits": {"cpu": "3", "memory": "512Mi"}}}, "cpu '3' is not one of"),
            ({"resources": {"limits": {"cpu": "4", "memory": "1Gi"}}}, "4 vCPU takes 2048 to 16384 MiB"),
            ({"envs": [{"name": "PORT", "value": "1"}]}, "PORT is reserved"),
            ({"envs": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}, "set twice"),
        ],
    )
    def test_what_a_container_cannot_be(self, cloud: Cloud, container: PlainProperties, says: str):
        cloud.create(ACCOUNT, "gateway", accountId="aex-gateway")
        with pytest.raises(ProviderError, match=says):
            self.deploy(cloud, {**TEMPLATE, "containers": [{"image": "x", **container}]})


class TestOrders:
    def test_the_nth_operation_fails_and_the_next_does_not(self, cloud: Cloud):
        cloud.world.fail("create", nth=2)
        cloud.create(ACCOUNT, "one", accountId="account-1")
        with pytest.raises(ProviderError, match="injected by a test"):
            cloud.create(ACCOUNT, "two", accountId="account-2")
        cloud.create(ACCOUNT, "two", accountId="account-2")
        assert [(entry.name, bool(entry.error)) for entry in cloud.world.log] == [
            ("one", False),
            ("two", True),
            ("two", False),
        ]

    def test_each_thing_fails_once(self, cloud: Cloud):
        cloud.world.fail("create", each=True)
        for number in (1, 2):
            with pytest.raises(ProviderError, match="injected by a test"):
                cloud.create(ACCOUNT, f"a{number}", accountId=f"account-{number}")
            cloud.create(ACCOUNT, f"a{number}", accountId=f"account-{number}")

    def test_a_slow_operation_ends_when_the_user_cancels(self, cloud: Cloud):
        cloud.world.slow("create", 60, name="slow")
        cancelled = threading.Event()
        threading.Timer(0.05, cancelled.set).start()
        context = Context(urn=urn(ACCOUNT, "slow"), cancelled=cancelled)
        with pytest.raises(ProviderError, match="was cancelled"):
            cloud.kind(ACCOUNT).create(context, {"accountId": "account-1"})
        assert cloud.world.things() == []


class TestRandom:
    @pytest.fixture
    def random(self) -> CheckedProvider:
        return random_provider(World())

    def draw(self, provider: CheckedProvider, name: str, **inputs: object) -> Created:
        token = f"random:index/random{name}:Random{name}"
        given: PlainProperties = dict(inputs)  # type: ignore[arg-type]
        assert list(provider.kind(token).check(given)) == []
        return provider.kind(token).create(Context(urn=urn(token, "r")), given)

    def test_bytes(self, random: CheckedProvider):
        made = self.draw(random, "Bytes", length=32).outputs
        assert re.fullmatch("[0-9a-f]{64}", str(made["hex"]))
        assert self.draw(random, "Bytes", length=32).outputs["hex"] != made["hex"]
        assert random.kind("random:index/randomBytes:RandomBytes").secret_outputs == {"hex", "base64"}

    def test_an_id_has_its_prefix_in_every_encoding(self, random: CheckedProvider):
        made = self.draw(random, "Id", byteLength=4, prefix="p-").outputs
        assert re.fullmatch("p-[0-9a-f]{8}", str(made["hex"]))
        assert {str(made[key])[:2] for key in ("b64Std", "b64Url", "dec")} == {"p-"}

    def test_a_password_keeps_its_promises(self, random: CheckedProvider):
        text = str(self.draw(random, "Password", length=20, special=False, minNumeric=5).outputs["result"])
        assert re.fullmatch("[A-Za-z0-9]{20}", text)
        assert sum(letter.isdigit() for letter in text) >= 5


class TestDocker:
    def test_an_image_has_a_digest_that_follows_from_its_content(self):
        world = DockerWorld()
        kind = docker_provider(world).kind(IMAGE)
        digests = [
            kind.create(Context(urn=urn(IMAGE, name)), {"imageName": f"{repository}:{tag}"}).outputs["repoDigest"]
            for name, repository, tag in (("a", "r/one", "1"), ("b", "r/two", "1"), ("c", "r/one", "2"))
        ]
        first, same, other = (str(digest).partition("@")[2] for digest in digests)
        assert first == same != other
        assert world.builds == ["r/one:1", "r/two:1", "r/one:2"]

    def test_an_image_without_a_tag_is_refused(self):
        with pytest.raises(ProviderError, match="would be `latest`"):
            docker_provider(DockerWorld()).kind(IMAGE).create(
                Context(urn=urn(IMAGE, "x")), {"imageName": "localhost:5000/a"}
            )
