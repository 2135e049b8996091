"""What each kind of resource costs a month at rest, from its settings: one function for each type that is not free.

A function gets the resource and the stack around it, and gives parts: a group of the table, and USD a month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast

from bench.prices import FREE, HOURS, MONTH, PRICES, monthly, use
from tools.graph import Node

COMPUTE, DATABASE, NAT, ENDPOINTS = "compute", "database", "network: NAT", "network: private endpoints"
BALANCER, WATCH = "network: load balancer, firewall, names", "logs, metrics, alarms"
SECRETS, STORAGE = "secrets and keys", "registry and buckets"
GROUPS: Final[Sequence[str]] = (COMPUTE, DATABASE, NAT, ENDPOINTS, BALANCER, WATCH, SECRETS, STORAGE)
EVERY_MINUTE: Final = "* * * * *"
GATEWAY: Final = "aex-gateway"
TASK: Final = "aws:ecs/taskDefinition:TaskDefinition"
FARGATE_SERVICE: Final = "aws:ecs/service:Service"
RUN_SERVICE: Final = "gcp:cloudrunv2/service:Service"
CHECK: Final = "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig"
RULE: Final = "gcp:compute/globalForwardingRule:GlobalForwardingRule"

Part: TypeAlias = tuple[str, float]
"""A group and USD a month."""
Parts: TypeAlias = Iterator[Part]


class UnpricedError(ValueError):
    """Something that costs an unknown amount."""

    def __init__(self, what: str) -> None:
        """Say what to do about it."""
        super().__init__(f"{what} has no price: add it to bench/prices.py, to PRICES or to FREE")


class Stack:
    """The resources of one stack on one cloud or more, in the order of the program."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Components are left out; they are not the clouds'."""
        self.nodes = [node for node in nodes if node.custom]

    def of(self, token: str) -> list[Node]:
        """The resources of one type."""
        return [node for node in self.nodes if node.type == token]

    def find(self, token: str, name: str) -> Node | None:
        """The resource of that type and name."""
        return next((node for node in self.of(token) if node.name == name), None)


def at(value: object, *path: str | int, default: object = None) -> object:
    """What is at a path of keys and positions; `default` where there is nothing."""
    for step in path:
        if isinstance(step, int):
            items = many(value)
            value = items[step] if step < len(items) else None
        else:
            value = cast("Mapping[str, object]", value or {}).get(step)
    return default if value is None else value


def many(value: object) -> Sequence[object]:
    """A list, empty if there is none."""
    return cast("Sequence[object]", value or ())


def number(value: object) -> float:
    """Numbers as the clouds write them: 2, "256", "500m" (thousandths), "60s", "512Mi" and "1Gi" (in GiB)."""
    text = str(value)
    for suffix, factor in (("Mi", 1 / 1024), ("Gi", 1.0), ("m", 0.001), ("s", 1.0)):
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)


def spot_share(strategies: Sequence[object], count: float) -> float:
    """How much of `count` tasks runs on Spot, from 0 to 1: the bases go first, the rest by weight."""
    spot = [each for each in strategies if at(each, "capacityProvider") == "FARGATE_SPOT"]

    def total(of: Sequence[object], key: str) -> float:
        return sum(number(at(each, key, default=0)) for each in of)

    left = max(0, count - total(strategies, "base"))
    weighed = left * total(spot, "weight") / (total(strategies, "weight") or 1)
    return (min(count, total(spot, "base")) + weighed) / count if count else 0


def _fargate(node: Node, stack: Stack) -> Parts:
    task = stack.find(TASK, node.name)
    if task is None:
        raise UnpricedError(f"{node.name}, a service without a task definition of the same name,")
    count = number(at(node.inputs, "desiredCount", default=1))
    kind = str(at(task.inputs, "runtimePlatform", "cpuArchitecture", default="X86_64")).lower()
    cpu, memory = (number(at(task.inputs, key)) / 1024 for key in ("cpu", "memory"))
    one = monthly(f"fargate-vcpu-{kind}", cpu) + monthly(f"fargate-gb-{kind}", memory)
    spot = spot_share(many(at(node.inputs, "capacityProviderStrategies")), count)
    yield COMPUTE, count * one * (1 - spot * (1 - use("spot")))
    yield WATCH, monthly("logs-aws", count * use("task-logs"))


def _ecs_cluster(node: Node, stack: Stack) -> Parts:
    settings = {str(at(each, "name")): at(each, "value") for each in many(at(node.inputs, "settings"))}
    if settings.get("containerInsights", "disabled") != "disabled":
        services = len(stack.of(FARGATE_SERVICE))
        yield WATCH, monthly("metric", use("insights-cluster") + services * use("insights-service"))


def _flow_log(_: Node, stack: Stack) -> Parts:
    tasks = sum(number(at(each.inputs, "desiredCount", default=1)) for each in stack.of(FARGATE_SERVICE))
    yield WATCH, monthly("logs-aws", tasks * use("task-flows"))


def _documentdb(node: Node, _: Stack) -> Parts:
    yield DATABASE, monthly("docdb-storage", use("data"))
    if at(node.inputs, "manageMasterUserPassword"):
        yield SECRETS, monthly("secret")


def _instance(node: Node, _: Stack) -> Parts:
    size = str(at(node.inputs, "instanceClass"))
    if size not in PRICES:
        raise UnpricedError(f"DocumentDB's {size}")
    yield DATABASE, monthly(size)


def _endpoint(node: Node, _: Stack) -> Parts:
    if at(node.inputs, "vpcEndpointType") == "Interface":
        yield ENDPOINTS, monthly("endpoint", len(many(at(node.inputs, "subnetIds"))))


def _balancer(node: Node, _: Stack) -> Parts:
    yield BALANCER, monthly("alb")
    if not at(node.inputs, "internal"):
        yield BALANCER, monthly("ipv4", len(many(at(node.inputs, "subnets"))))


def _firewall(node: Node, _: Stack) -> Parts:
    yield BALANCER, monthly("waf-acl") + monthly("waf-rule", len(many(at(node.inputs, "rules"))))


def _alarm(node: Node, _: Stack) -> Parts:
    queries = [each for each in many(at(node.inputs, "metricQueries")) if at(each, "metric")]
    yield WATCH, monthly("alarm", len(queries) or 1)


def _tracking(node: Node, _: Stack) -> Parts:
    if at(node.inputs, "policyType") == "TargetTrackingScaling":
        yield WATCH, monthly("alarm", use("tracking-alarms"))


def _checks(stack: Stack) -> float:
    """Executions a month of the checks from outside."""
    return sum(use("regions") * MONTH / number(at(each.inputs, "period", default="60s")) for each in stack.of(CHECK))


def _rounds(job: Node) -> float:
    """Rounds of duties a month that a scheduler's job starts."""
    if at(job.inputs, "schedule") != EVERY_MINUTE:
        raise UnpricedError(f"the schedule of {job.name}")
    return HOURS * 60


def _run(node: Node, stack: Stack) -> Parts:
    """By request (`cpuIdle`): work and probes at the full price, minimum instances that wait at the idle one."""
    job = stack.find("gcp:cloudscheduler/job:Job", f"{node.name}-duties")
    rounds, checks = _rounds(job) if job else 0, _checks(stack) if node.name == GATEWAY else 0
    container = at(node.inputs, "template", "containers", 0)
    cpu, gib = (number(at(container, "resources", "limits", key)) for key in ("cpu", "memory"))
    kept = max(number(at(node.inputs, *path, "scaling", "minInstanceCount", default=0)) for path in ((), ("template",)))
    # What is called every minute never sleeps, but is not billed between calls.
    awake = kept or (1 if rounds or checks else 0)
    if not at(container, "resources", "cpuIdle"):
        yield COMPUTE, awake * MONTH * (monthly("run-vcpu-always", cpu) + monthly("run-gib-always", gib))
        return
    period = at(container, "livenessProbe", "periodSeconds")
    probes = awake * MONTH / number(period) if period else 0
    busy = rounds * use("round") + (checks + probes) * use("check")
    idle = max(0, kept * MONTH - busy)
    yield COMPUTE, monthly("run-requests", (rounds + checks) / 1e6)
    yield COMPUTE, busy * (monthly("run-vcpu", cpu) + monthly("run-gib", gib))
    yield COMPUTE, idle * (monthly("run-vcpu-idle", cpu) + monthly("run-gib-idle", gib))


def _job(node: Node, _: Stack) -> Parts:
    yield COMPUTE, monthly("scheduler-job")
    yield DATABASE, monthly("firestore-reads", _rounds(node) * use("round-reads") / 1e6)


def _firestore(node: Node, _: Stack) -> Parts:
    recoverable = at(node.inputs, "pointInTimeRecoveryEnablement") == "POINT_IN_TIME_RECOVERY_ENABLED"
    yield DATABASE, monthly("firestore-storage", use("documents") * (2 if recoverable else 1))


def _backups(node: Node, _: Stack) -> Parts:
    yield DATABASE, monthly("firestore-backup", number(at(node.inputs, "retention")) / 86400 * use("documents"))


def _forwarding(node: Node, stack: Stack) -> Parts:
    position = [each.urn for each in stack.of(RULE)].index(node.urn)
    if position == 0:
        yield BALANCER, monthly("rule-first")
    elif position >= 5:
        yield BALANCER, monthly("rule-more")


def _armor(node: Node, _: Stack) -> Parts:
    yield BALANCER, monthly("armor-policy") + monthly("armor-rule", len(many(at(node.inputs, "rules"))))


def _uptime(node: Node, stack: Stack) -> Parts:
    if stack.of(CHECK)[0].urn == node.urn:
        yield WATCH, monthly("uptime", max(0, _checks(stack) - 1e6) / 1000)


def _alert(node: Node, stack: Stack) -> Parts:
    services = len(stack.of(RUN_SERVICE))
    for condition in many(at(node.inputs, "conditions")):
        series = many(at(condition, "conditionThreshold", "aggregations"))
        grouped = any(at(each, "groupByFields") for each in series)
        yield WATCH, monthly("condition")
        yield WATCH, monthly("points", (services if grouped else 1) * use("evaluations") / 1e6)


def _subnet(node: Node, _: Stack) -> Parts:
    if at(node.inputs, "logConfig"):
        yield WATCH, monthly("flow-logs", use("network-flows"))


def _connector(node: Node, _: Stack) -> Parts:
    yield NAT, monthly("connector", number(at(node.inputs, "minInstances", default=2)))


def _flat(group: str, key: str, amount: float = 1) -> Callable[[Node, Stack], Parts]:
    """A resource whose price depends on no setting."""
    return lambda _, __: iter([(group, monthly(key, amount))])


PRICED: Final[dict[str, Callable[[Node, Stack], Parts]]] = {
    FARGATE_SERVICE: _fargate,
    "aws:ecs/cluster:Cluster": _ecs_cluster,
    "aws:docdb/cluster:Cluster": _documentdb,
    "aws:docdb/clusterInstance:ClusterInstance": _instance,
    "aws:ec2/natGateway:NatGateway": _flat(NAT, "nat"),
    "aws:ec2/eip:Eip": _flat(NAT, "ipv4"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    "aws:lb/loadBalancer:LoadBalancer": _balancer,
    "aws:wafv2/webAcl:WebAcl": _firewall,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _flat(WATCH, "composite-alarm"),
    "aws:cloudwatch/dashboard:Dashboard": _flat(WATCH, "dashboard"),
    "aws:appautoscaling/policy:Policy": _tracking,
    "aws:secretsmanager/secret:Secret": _flat(SECRETS, "secret"),
    "aws:kms/key:Key": _flat(SECRETS, "kms-aws"),
    "aws:ecr/repository:Repository": _flat(STORAGE, "ecr", use("images")),
    "aws:s3/bucket:Bucket": _flat(STORAGE, "s3", use("objects")),
    RUN_SERVICE: _run,
    "gcp:cloudscheduler/job:Job": _job,
    "gcp:firestore/database:Database": _firestore,
    "gcp:firestore/backupSchedule:BackupSchedule": _backups,
    RULE: _forwarding,
    "gcp:compute/securityPolicy:SecurityPolicy": _armor,
    "gcp:compute/address:Address": _flat(NAT, "address"),
    "gcp:compute/routerNat:RouterNat": _flat(NAT, "nat-gcp"),
    "gcp:vpcaccess/connector:Connector": _connector,
    "gcp:compute/subnetwork:Subnetwork": _subnet,
    "gcp:dns/managedZone:ManagedZone": _flat(BALANCER, "zone"),
    CHECK: _uptime,
    "gcp:monitoring/alertPolicy:AlertPolicy": _alert,
    "gcp:secretmanager/secretVersion:SecretVersion": _flat(SECRETS, "secret-version"),
    "gcp:kms/cryptoKey:CryptoKey": _flat(SECRETS, "kms-gcp"),
    "gcp:artifactregistry/repository:Repository": _flat(STORAGE, "artifacts", use("images")),
    "gcp:storage/bucket:Bucket": _flat(STORAGE, "storage", use("objects")),
}


def parts(node: Node, stack: Stack) -> list[Part]:
    """What one resource costs; UnpricedError if its type is unknown."""
    if node.type in FREE:
        return []
    if node.type not in PRICED:
        raise UnpricedError(node.type)
    return [(group, usd) for group, usd in PRICED[node.type](node, stack) if usd]


__all__ = ["GROUPS", "PRICED", "Part", "Stack", "UnpricedError", "at", "number", "parts", "spot_share"]
