"""What a stack costs a month while nobody uses it, and what a million requests add, in USD.

    .venv/bin/python -m bench.costs                                  # the tables of docs/aws.md and docs/gcp.md
    .venv/bin/python -m bench.costs --stacks production --details    # what each kind of resource has in it

Reads what the real engine would create in an offline preview (`tools.offline`): number, sizes and settings of
resources. Prices and estimates of use are data, in `prices.py`; what a resource makes of them is in `priced.py`. A type
that is neither priced nor listed as free is an error. Says nothing about a real bill but what those numbers say.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from bench.priced import GROUPS, Stack, UnpricedError, parts
from bench.prices import DATE, PRICES, monthly, use
from tools.graph import Node, graph, preview_of

STACKS: Final = "production,staging,pr-1"
CLOUDS: Final = {"aws": "AWS", "gcp": "Google Cloud"}

TRAFFIC: Final[Mapping[str, Sequence[tuple[str, float, str]]]] = {
    # Price, units for a million requests at the gateway, what they are. 1 KB a request is 1 GB a million.
    "aws": [
        ("waf-requests", 1, "million at the firewall (production)"),
        ("lcu", use("request-kb-in") + use("request-kb-out"), "GB through the load balancer"),
        ("internet-aws", use("request-kb-out"), "GB to clients"),
        ("docdb-io", use("request-io"), "million I/O of the database"),
        ("logs-aws", use("request-log-kb"), "GB of logs"),
    ],
    "gcp": [
        ("run-vcpu", use("request-vcpu-s") * 1e6, "s of a vCPU"),
        ("run-gib", use("request-gib-s") * 1e6, "s of a GiB"),
        ("run-requests", use("request-services"), "million at the services"),
        ("armor-requests", 1, "million at the firewall (production)"),
        ("balancer-data", use("request-kb-in") + use("request-kb-out"), "GB through the load balancer (production)"),
        ("internet-gcp", use("request-kb-out"), "GB to clients"),
        ("firestore-reads", use("request-reads"), "million documents read"),
        ("firestore-writes", use("request-writes"), "million documents written"),
        ("logs-gcp", use("request-log-kb") + use("request-google-kb"), "GB of logs beyond the project's first 50"),
    ],
}
"""What a million requests add. On AWS tasks beyond the minimum, if it takes any, cost what the first ones do."""


def by_type(nodes: Sequence[Node]) -> dict[tuple[str, str], float]:
    """(type, group) -> USD a month at rest; ValueError with the remedy for a type without a price."""
    stack = Stack(nodes)
    found: dict[tuple[str, str], float] = defaultdict(float)
    for node in stack.nodes:
        for group, usd in parts(node, stack):
            found[node.type, group] += usd
    return dict(found)


def by_group(nodes: Sequence[Node], cloud: str) -> dict[str, float]:
    """Group -> USD a month at rest, of one cloud's resources; a group without any is 0."""
    found = dict.fromkeys(GROUPS, 0.0)
    for (token, group), usd in by_type(nodes).items():
        if token.startswith(f"{cloud}:"):
            found[group] += usd
    return found


def traffic(cloud: str) -> float:
    """USD for a million requests at the gateway of production, by the estimates in `USE`."""
    return sum(monthly(key, amount) for key, amount, _ in TRAFFIC[cloud])


def formula(cloud: str) -> str:
    """Prices times units, as text: what a million requests add."""
    terms = [f"{PRICES[key].usd:.7f}".rstrip("0").rstrip(".") + f" x {n:,.10g} {of}" for key, n, of in TRAFFIC[cloud]]
    return " + ".join(terms)


def dollars(usd: float) -> str:
    """Whole dollars; what is less than a half is not nothing."""
    return "-" if not usd else "< 1" if usd < 0.5 else f"{usd:,.0f}"


def table(cloud: str, costs: Mapping[str, Mapping[str, float]]) -> str:
    """One cloud's table in Markdown: a row for each group, a column for each stack."""
    rows = [[f"USD a month, {CLOUDS[cloud]}", *costs]]
    rows += [
        [group, *(dollars(of[group]) for of in costs.values())]
        for group in GROUPS
        if any(of[group] for of in costs.values())
    ]
    rows.append(["**at rest**", *(f"**{dollars(sum(of.values()))}**" for of in costs.values())])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    padded = [
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in [rows[0], rule, *rows[1:]]
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def details(nodes: Sequence[Node], cloud: str) -> str:
    """The costs of each type and group, dearest first, with the number of resources."""
    counts = Counter(node.type for node in nodes)
    found = {key: usd for key, usd in by_type(nodes).items() if key[0].startswith(f"{cloud}:")}
    ordered = sorted(found, key=lambda key: -found[key])
    return "\n".join(f"{found[key]:9.2f}  {counts[key[0]]:3} x {key[0]} ({key[1]})" for key in ordered)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", default=STACKS)
    parser.add_argument("--clouds", default=",".join(CLOUDS))
    parser.add_argument("--details", action="store_true", help="what each kind of resource has in it")
    options = parser.parse_args()
    clouds = options.clouds.split(",")
    graphs = {stack: graph(preview_of(stack, options.clouds)) for stack in options.stacks.split(",")}
    try:
        costs = {cloud: {stack: by_group(nodes, cloud) for stack, nodes in graphs.items()} for cloud in clouds}
    except UnpricedError as error:
        raise SystemExit(str(error)) from None
    for cloud in clouds:
        print(f"{table(cloud, costs[cloud])}\n")
        print(f"A million requests add about {traffic(cloud):.1f}: {formula(cloud)}.\n")
        for stack, nodes in graphs.items() if options.details else ():
            print(f"{stack} on {CLOUDS[cloud]}\n{details(nodes, cloud)}\n")
    print(f"Public list prices on demand of {DATE}, us-east-1 and us-central1, without taxes: bench/prices.py.")


if __name__ == "__main__":
    main()
