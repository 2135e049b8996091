"""Where the services stand in the picture of the call graph: one row per tier, callers above and left of callees.

Owns geometry only, in SVG user units; how it looks is in `picture.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations

from infra.components.graph import callees_of, edges, tiers
from infra.components.model import Tier
from infra.components.table import Catalog

BOX_WIDTH, BOX_HEIGHT = 226, 80
COLUMN_GAP, ROW_GAP = 46, 58
PADDING = 22
HEADER = 34
"""Room for the name of a tier at the top of its frame."""
ARC_STEP = 15
"""How far apart the arcs are that jump over boxes of a row."""
MARGIN = 24
RAIL = 18
"""Distance between the lines that lead around the frames."""
CHIP_WIDTH, CHIP_HEIGHT = 212, 54


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the bottom edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The x of the centre."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that is drawn, with its place."""

    width: float
    height: float
    frames: dict[Tier, Box]
    boxes: dict[str, Box]
    bundles: tuple[tuple[str, Tier], ...]
    """Calls to every service of a tier, drawn as one arrow to its frame."""
    arrows: tuple[tuple[str, str], ...]
    """All other calls."""
    arcs: dict[tuple[str, str], int]
    """Those of `arrows` that jump over boxes of their own row, with their height in steps, from 1."""
    clients: Box
    internet: Box
    legend: float
    """The y at which the legend starts."""


def lay_out(catalog: Catalog, legend_lines: int) -> Layout:
    """Rows from the last tier (the gateway, on top) to the first, centred; room below for the lines of the legend."""
    rows = _rows(catalog)
    bundles = _bundles(catalog)
    inner = max(_row_width(len(names)) for names in rows.values())
    left = MARGIN + RAIL * (len(bundles) + 1)
    y = float(MARGIN)
    frames: dict[Tier, Box] = {}
    boxes: dict[str, Box] = {}
    for tier, names in rows.items():
        height = HEADER + ARC_STEP * len(_arcs(catalog, names)) + BOX_HEIGHT + PADDING
        width = _row_width(len(names)) if tier is Tier.GATEWAY else inner
        frame = Box(left + (inner - width) / 2, y, width, height)
        frames[tier] = frame
        start = frame.middle - (_row_width(len(names)) - 2 * PADDING) / 2
        for column, name in enumerate(names):
            x = start + column * (BOX_WIDTH + COLUMN_GAP)
            boxes[name] = Box(x, frame.bottom - PADDING - BOX_HEIGHT, BOX_WIDTH, BOX_HEIGHT)
        y = frame.bottom + ROW_GAP
    top = frames[Tier.GATEWAY]
    chip_y = top.bottom - PADDING - BOX_HEIGHT / 2 - CHIP_HEIGHT / 2
    legend = y - ROW_GAP + 34
    return Layout(
        width=left + inner + MARGIN,
        height=legend + 21 * legend_lines + MARGIN - 10,
        frames=frames,
        boxes=boxes,
        bundles=bundles,
        arrows=tuple(
            (caller, callee)
            for caller in catalog.names
            for callee in callees_of(catalog, caller)
            if (caller, catalog.service(callee).tier) not in bundles
        ),
        arcs={arc: step for names in rows.values() for step, arc in enumerate(_arcs(catalog, names), start=1)},
        clients=Box(left, chip_y, CHIP_WIDTH, CHIP_HEIGHT),
        internet=Box(left + inner - CHIP_WIDTH, chip_y, CHIP_WIDTH, CHIP_HEIGHT),
        legend=legend,
    )


def _row_width(boxes: int) -> float:
    return boxes * BOX_WIDTH + (boxes - 1) * COLUMN_GAP + 2 * PADDING


def _rows(catalog: Catalog) -> dict[Tier, list[str]]:
    """The services of each row from left to right, chosen so that lines are short and lead to the right or down."""
    rows: dict[Tier, list[str]] = {}
    place: dict[str, float] = {}
    bundled = _bundles(catalog)
    for tier in reversed(Tier):
        members = tiers(catalog)[tier]
        lines = [
            (caller, callee)
            for caller, callee in edges(catalog)
            if callee in members and (caller, tier) not in bundled and (caller in members or caller in place)
        ]
        # Beyond seven boxes, trying every order takes too long; the order of deployment, reversed, is fair.
        orders = permutations(members) if len(members) <= 7 else iter([members[::-1]])
        best = min(orders, key=lambda order: (_cost(order, lines, place), order))
        rows[tier] = list(best)
        place.update(_centred(best))
    return rows


def _centred(order: tuple[str, ...]) -> dict[str, float]:
    return {name: column - (len(order) - 1) / 2 for column, name in enumerate(order)}


def _cost(order: tuple[str, ...], lines: list[tuple[str, str]], above: dict[str, float]) -> float:
    """Crossings count most, then the length of lines, then lines that lead to the left."""
    row = _centred(order)
    down = [(above[caller], row[callee]) for caller, callee in lines if caller in above]
    inner = [(row[caller], row[callee]) for caller, callee in lines if caller in row]
    crossings = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(down, 2))
    length = sum(abs(a - b) for a, b in down + inner)
    return 100 * crossings + 10 * length + sum(a > b for a, b in inner)


def _arcs(catalog: Catalog, row: list[str]) -> tuple[tuple[str, str], ...]:
    """Calls between services of a row that are not neighbours: short ones first, so that long ones go around them."""
    calls = [
        (abs(row.index(callee) - place), place, (caller, callee))
        for place, caller in enumerate(row)
        for callee in callees_of(catalog, caller)
        if callee in row
    ]
    return tuple(call for span, _, call in sorted(calls) if span > 1)


def _bundles(catalog: Catalog) -> tuple[tuple[str, Tier], ...]:
    found: list[tuple[str, Tier]] = []
    for service in catalog.services:
        for tier, members in reversed(tiers(catalog).items()):
            if tier is not service.tier and len(members) > 1 and set(members) <= set(callees_of(catalog, service.name)):
                found.append((service.name, tier))
    return tuple(found)
