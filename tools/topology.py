"""Draws the platform on each cloud from the engine's graph of production: docs/pictures/aws.svg and gcp.svg.

    .venv/bin/python -m tools.topology          # what `make pictures` runs

A box is a part of the platform with what it consists of; a part stands below everything that it needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from tools.graph import ROOT, Node, graph, preview_of

PICTURES = ROOT / "docs" / "pictures"
CLOUDS = {"aws": "AWS", "gcp": "Google Cloud"}
LINES = 6
"""Types that a box names; what is less numerous is summed up."""

LONGEST = 25
"""Letters in a line of a box."""

BOX, GAP_X, GAP_Y, LINE, HEAD, EDGE = 190, 26, 52, 16, 30, 24
STYLE = """
svg { font: 12px ui-sans-serif, system-ui, sans-serif }
.page { fill: #fff } .box { fill: #f6f8fa; stroke: #d0d7de } .name { font-weight: 600; font-size: 13px }
text { fill: #1f2328 } .soft { fill: #59636e } .line { fill: none; stroke: #8c959f; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .box { fill: #161b22; stroke: #3d444d } text { fill: #e6edf3 } .soft { fill: #9198a1 } }
"""


@dataclass(slots=True)
class Part:
    """All components of one type directly below the platform."""

    name: str
    components: int = 0
    contents: Counter[str] = field(default_factory=Counter[str])
    needs: set[str] = field(default_factory=set[str])

    @property
    def lines(self) -> list[str]:
        """What is written into the box."""
        shown = sorted(self.contents.items(), key=lambda item: (-item[1], item[0]))[:LINES]
        rest = sum(self.contents.values()) - sum(count for _, count in shown)
        return [shortened(f"{count} {name}") for name, count in shown] + ([f"{rest} more"] if rest else [])


def shortened(text: str) -> str:
    """Cut what does not fit into a box."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def parts(nodes: Sequence[Node]) -> dict[str, Part]:
    """Sum the graph up, by name. The engine tells it in an order that differs from run to run; this does not."""
    by_urn = {node.urn: node for node in nodes}
    home = {node.urn: _part_of(node, by_urn) for node in nodes}
    found: dict[str, Part] = {}
    for node in nodes:
        name = home[node.urn]
        if name is not None:
            part = found.setdefault(name, Part(name))
            part.components += _is_part(node, by_urn)
            if node.custom:
                part.contents[node.type.rpartition(":")[2]] += 1
    found = {name: found[name] for name in sorted(found) if found[name].contents}
    needs = Counter(
        (home[node.urn], home[need]) for node in nodes if node.custom for need in node.needs if need in home
    )
    for (name, other), count in sorted(needs.items(), key=str):
        # Two parts may need something of each other; the picture shows the stronger direction.
        if name in found and other in found and name != other and count > needs[other, name]:
            found[name].needs.add(other)
    return found


def rows(found: Mapping[str, Part]) -> list[list[str]]:
    """Names by row: a part is one row below the last that it needs."""
    order = TopologicalSorter({name: part.needs for name, part in found.items()}).static_order()
    level: dict[str, int] = {}
    for name in order:
        level[name] = 1 + max((level[need] for need in found[name].needs), default=-1)
    return [[name for name in found if level[name] == row] for row in range(max(level.values()) + 1)]


def draw(title: str, found: Mapping[str, Part]) -> str:
    """The picture as SVG, the same for the same graph."""
    table = rows(found)
    width = max(len(row) for row in table) * (BOX + GAP_X) - GAP_X + 2 * EDGE
    places: dict[str, tuple[float, float, float]] = {}
    boxes: list[str] = []
    y = float(EDGE + 34)
    for row in table:
        x = (width - len(row) * (BOX + GAP_X) + GAP_X) / 2
        height = HEAD + LINE * max(len(found[name].lines) for name in row) + 8
        for name in row:
            own = HEAD + LINE * len(found[name].lines) + 8
            places[name] = (x, y, own)
            boxes += _box(found[name], x, y, own)
            x += BOX + GAP_X
        y += height + GAP_Y
    arrows = [_arrow(places[name], places[need]) for name in found for need in sorted(_nearest(found, name))]
    total = sum(sum(part.contents.values()) for part in found.values())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {y - GAP_Y + EDGE:g}" role="img">\n'
        f"<title>{escape(title)}</title><style>{STYLE}</style>\n"
        f'<rect class="page" width="100%" height="100%"/>\n'
        f'<text class="name" x="{EDGE}" y="{EDGE + 6}">{escape(title)}: {total} resources; '
        f"a part is made after those above it that it needs</text>\n" + "\n".join([*arrows, *boxes]) + "\n</svg>\n"
    )


def _nearest(found: Mapping[str, Part], name: str) -> set[str]:
    """What a part needs, without what one of the others needs anyway."""
    needs = found[name].needs & found.keys()
    return needs - {far for near in needs for far in _all_needs(found, near)}


def _all_needs(found: Mapping[str, Part], name: str) -> set[str]:
    needs = found[name].needs & found.keys()
    return needs | {far for near in needs for far in _all_needs(found, near)}


def _box(part: Part, x: float, y: float, height: float) -> list[str]:
    name = f"{part.components} x {part.name}" if part.components > 1 else part.name
    lines = [
        f'<text class="soft" x="{x + 12:g}" y="{y + HEAD + 8 + index * LINE:g}">{escape(line)}</text>'
        for index, line in enumerate(part.lines)
    ]
    return [
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{BOX}" height="{height:g}" rx="8"/>',
        f'<text class="name" x="{x + 12:g}" y="{y + 20:g}">{escape(name)}</text>',
        *lines,
    ]


def _arrow(to: tuple[float, float, float], start: tuple[float, float, float]) -> str:
    x1, y1 = start[0] + BOX / 2, start[1] + start[2]
    x2, y2 = to[0] + BOX / 2, to[1]
    bend = min(GAP_Y, (y2 - y1) / 2)
    return f'<path class="line" d="M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"/>'


def _is_part(node: Node, by_urn: Mapping[str, Node]) -> bool:
    parent = by_urn.get(node.parent)
    return parent is not None and parent.type.endswith(":Platform")


def _part_of(node: Node, by_urn: Mapping[str, Node]) -> str | None:
    """The type of the component below the platform that the node is in; None for what is in none."""
    at: Node | None = node
    while at is not None and not _is_part(at, by_urn):
        at = by_urn.get(at.parent)
    return at.type.rpartition(":")[2] if at is not None else None


def picture(cloud: str) -> Path:
    """Where a cloud's picture is."""
    return PICTURES / f"{cloud}.svg"


def drawn(cloud: str) -> str:
    """The cloud's picture of today: runs the engine."""
    return draw(f"Production on {CLOUDS[cloud]}", parts(graph(preview_of("production", cloud))))


if __name__ == "__main__":
    for each in CLOUDS:
        picture(each).write_text(drawn(each))
