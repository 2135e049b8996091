"""The deployment's shape: how long the engine's real graph takes, and the same work one thing after the other.

    .venv/bin/python -m bench.plan             # all of it: table, and docs/pictures/deployment.svg
    .venv/bin/python -m bench.plan --stack staging --clouds aws

Reads the graph that the real engine writes in an offline preview (`tools.offline`), gives each resource the time that
`durations.py` says, and computes when each would be done. Says nothing about a real account but what those times say.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import durations
from bench.gantt import Bar, chart
from tools.graph import ROOT, Node, graph, preview_of

PICTURE = ROOT / "docs" / "pictures" / "deployment.svg"
WORKERS = (8, 32)
"""Operations that the engine has in flight: its default on two cores, and what `make up` asks for on a cloud."""

RELEASED = (
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:ecs/service:Service",
    "gcp:cloudrunv2/service:Service",
    "gcp:cloudrunv2/job:Job",
)
"""What a new image changes: the row `image` in the tables of changes of tests/engine."""

SCRIPTS: Mapping[str, Sequence[tuple[str, int]]] = {
    # What setup-aws.sh, the guide's commands for the database and deploy-ecs.sh create, in their order.
    "aws": [
        ("aws:ecr/repository:Repository", 10),
        ("aws:ec2/vpc:Vpc", 1),
        ("aws:ec2/internetGateway:InternetGateway", 1),
        ("aws:ec2/subnet:Subnet", 4),
        ("aws:ec2/routeTable:RouteTable", 2),
        ("aws:ec2/securityGroup:SecurityGroup", 3),
        ("aws:ecs/cluster:Cluster", 1),
        ("aws:iam/role:Role", 3),
        ("aws:secretsmanager/secret:Secret", 3),
        ("aws:cloudwatch/logGroup:LogGroup", 10),
        ("aws:lb/loadBalancer:LoadBalancer", 1),
        ("aws:lb/targetGroup:TargetGroup", 10),
        ("aws:lb/listener:Listener", 1),
        ("aws:docdb/subnetGroup:SubnetGroup", 1),
        ("aws:docdb/cluster:Cluster", 1),
        ("aws:docdb/clusterInstance:ClusterInstance", 1),
        ("aws:ecs/taskDefinition:TaskDefinition", 10),
        ("aws:ecs/service:Service", 10),
    ],
    # What setup-gcp.sh, the guide's commands for indexes and secrets and deploy-cloudrun.sh create, in their order.
    "gcp": [
        ("gcp:projects/service:Service", 10),
        ("gcp:artifactregistry/repository:Repository", 1),
        ("gcp:serviceaccount/account:Account", 2),
        ("gcp:projects/iAMMember:IAMMember", 8),
        ("gcp:firestore/database:Database", 1),
        ("gcp:firestore/index:Index", 2),
        ("gcp:secretmanager/secret:Secret", 2),
        ("gcp:cloudrunv2/service:Service", 10),
    ],
}
SCRIPTS_RELEASE = {
    "aws": [("aws:ecs/taskDefinition:TaskDefinition", 10), ("aws:ecs/service:Service", 10)],
    "gcp": [("gcp:cloudrunv2/service:Service", 10)],
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph with times: when each resource starts and ends, in seconds from the beginning."""

    spans: Mapping[str, tuple[float, float]]
    critical: Sequence[str]
    """URNs of the longest chain, first to last; its time is what no parallelism can shorten."""
    critical_seconds: float
    work_seconds: float

    @property
    def total_seconds(self) -> float:
        """When the last resource is done."""
        return max((end for _, end in self.spans.values()), default=0)


def costs(nodes: Sequence[Node], *, release: bool) -> dict[str, float]:
    """URN -> seconds. Components, and in a release whatever it leaves alone, take none."""
    found: dict[str, float] = {}
    for node in nodes:
        time = durations.of(node.type)
        if not node.custom or (release and node.type not in RELEASED):
            found[node.urn] = 0
        else:
            found[node.urn] = time.update if release and time.update is not None else time.create
    return found


def schedule(nodes: Sequence[Node], seconds: Mapping[str, float], workers: int) -> Plan:
    """What the engine does: whatever is ready starts, in the order of the program, as many at once as it may."""
    order = {node.urn: index for index, node in enumerate(nodes)}
    waiting = {node.urn: set(node.needs) for node in nodes}
    followers: dict[str, list[str]] = {node.urn: [] for node in nodes}
    for node in nodes:
        for need in node.needs:
            followers[need].append(node.urn)
    ready = [order[urn] for urn, needs in waiting.items() if not needs]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    spans: dict[str, tuple[float, float]] = {}
    longest: dict[str, tuple[float, str | None]] = {}
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            index = heapq.heappop(ready)
            node = nodes[index]
            before = max(node.needs, key=lambda urn: longest[urn][0], default=None)
            longest[node.urn] = ((longest[before][0] if before else 0) + seconds[node.urn], before)
            spans[node.urn] = (now, now + seconds[node.urn])
            heapq.heappush(running, (now + seconds[node.urn], index))
        now, index = heapq.heappop(running)
        for follower in followers[nodes[index].urn]:
            waiting[follower].discard(nodes[index].urn)
            if not waiting[follower]:
                heapq.heappush(ready, order[follower])
    if len(spans) < len(nodes):
        raise ValueError("the graph has a circle")
    last: str | None = max(longest, key=lambda urn: longest[urn][0])
    critical_seconds, chain = longest[last][0], list[str]()
    while last is not None:
        chain.append(last)
        last = longest[last][1]
    chain = [urn for urn in reversed(chain) if seconds[urn]]
    return Plan(spans, chain, critical_seconds, sum(seconds.values()))


def sequence(steps: Sequence[tuple[str, int]]) -> float:
    """Seconds of the scripts: one after the other."""
    return sum(durations.of(token).create * count for token, count in steps)


def minutes(seconds: float) -> str:
    """Write a time as `12 min 5 s`."""
    return f"{int(seconds) // 60} min {int(seconds) % 60:2d} s" if seconds >= 60 else f"{seconds:.0f} s"


def rows(cloud: str, nodes: Sequence[Node]) -> tuple[list[tuple[str, ...]], Plan]:
    """The table of one cloud, and the plan of its first deployment."""
    table: list[tuple[str, ...]] = []
    first: Plan | None = None
    for name, release, script in (("first", False, SCRIPTS), ("release", True, SCRIPTS_RELEASE)):
        seconds = costs(nodes, release=release)
        few, many = (schedule(nodes, seconds, workers) for workers in WORKERS)
        first = first or many
        table.append(
            (
                *(cloud, name, minutes(few.total_seconds), minutes(many.total_seconds)),
                *(minutes(many.critical_seconds), f"{many.work_seconds / many.total_seconds:.1f}"),
                *(minutes(many.work_seconds), minutes(sequence(script[cloud]))),
            )
        )
    assert first is not None
    return table, first


HEADINGS = (
    *("cloud", "deployment", "8 at once", "32 at once", "longest chain", "parallelism"),
    *("the same in sequence", "the old scripts"),
)


def main() -> None:
    """Print the table, and with the usual stacks write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", default="production")
    parser.add_argument("--clouds", default="aws,gcp")
    options = parser.parse_args()
    table: list[tuple[str, ...]] = []
    bars: dict[str, list[Bar]] = {}
    for cloud in options.clouds.split(","):
        nodes = graph(preview_of(options.stack, cloud))
        lines, first = rows(cloud, nodes)
        table += lines
        by_urn = {node.urn: node for node in nodes}
        bars[cloud] = [
            Bar(by_urn[urn].type.rpartition(":")[2], by_urn[urn].name, *first.spans[urn], urn in first.critical)
            for urn in first.spans
        ]
        chain = [f"{by_urn[urn].name} ({durations.of(by_urn[urn].type).create:.0f} s)" for urn in first.critical]
        print(f"{cloud}: {len(nodes)} nodes; longest chain: {' -> '.join(chain)}\n")
    print("\n".join(f"| {' | '.join(row)} |" for row in (HEADINGS, ["---"] * len(HEADINGS), *table)))
    if (options.stack, options.clouds) == ("production", "aws,gcp"):
        PICTURE.write_text(chart(bars))
        print(f"\n{PICTURE.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
